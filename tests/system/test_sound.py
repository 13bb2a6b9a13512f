"""What an operator hears of a camera, through real servers and a real sound server."""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.running_site import ROOT, RunningSite, running_site
from tests.support.sound_server import RATE_HZ, SoundServer, sound_server, sound_server_is_here

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not sound_server_is_here(), reason="pulseaudio and pulseaudio-utils are not installed"),
]

BLOCK = RATE_HZ // 100


def sounding_share(samples: np.ndarray) -> float:
    """The share of 10 ms blocks in which there is sound."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK).astype(float)
    return float(np.mean(np.sqrt((blocks**2).mean(axis=1)) > 30))


def share_heard(site: RunningSite, data: Path, sound: SoundServer, what: str) -> float:
    """Listen until sound comes, then for two seconds."""
    told = site.told["management"]
    call = [sys.executable, "-m", "tests.support.listening_client", told["https"], told["ca"], str(data / "password")]
    client = subprocess.Popen(
        [*call, what], cwd=ROOT, env=sound.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with client, contextlib.ExitStack() as ending:
        ending.callback(client.kill)
        assert client.stdout is not None
        assert client.stdout.readline() == "LISTENING\n"
        until_s = time.monotonic() + 30
        while sounding_share(sound.heard(0.2)) == 0 and time.monotonic() < until_s:
            assert client.poll() is None
        heard = sounding_share(sound.heard(2.0))
        assert client.stdin is not None
        client.stdin.close()
        assert client.wait(20) == 0
        return heard


def test_the_selected_camera_is_heard_live_and_recorded(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="vs") as folder, running_site(tmp_path) as site:
        site.client.add_hardware(site.recorder.id, "simulator:lobby", name="Lobby")
        with sound_server(Path(folder)) as sound:
            assert share_heard(site, tmp_path, sound, "live") > 0.6
            assert share_heard(site, tmp_path, sound, "recorded") > 0.6
