"""A running site that encrypts: switched on over REST, recorded, played, and found again after a kill and a restart."""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.media.mp4.reader import read_init
from common.protocols.media_channel.messages import Subscribe
from tests.support.running_site import RunningSite, running_site
from tests.support.site_viewer import site_viewer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def ask(site: RunningSite, method: str, path: str, body: dict[str, object] | None = None) -> dict:
    url = f"{site.told['management']['https']}/api/rest/v1/{path}"
    headers = {"Authorization": f"Bearer {site.client.access_token()}"}
    answer = httpx.request(method, url, headers=headers, json=body, verify=site.tls())
    assert answer.is_success, answer.text
    return answer.json()


def encrypted_files(site: RunningSite) -> list[Path]:
    found = []
    for path in sorted(site.recordings.rglob("*.mp4")):
        content = path.read_bytes()[:65536]
        if content and read_init(lambda at, size, content=content: content[at : at + size]).protection is not None:
            found.append(path)
    return found


async def until_played(site: RunningSite, camera: str, since: UtcUs, pictures: int) -> None:
    async with site_viewer(site) as viewer:
        assert viewer.connection is not None
        viewer.connection.send(Subscribe(1, camera, from_us=since, speed=4.0))  # type: ignore[arg-type]
        await viewer.until(lambda: len(viewer.units) >= pictures, 60)


async def until_encrypted(site: RunningSite, files: int) -> None:
    deadline_s = time.monotonic() + 60
    while len(encrypted_files(site)) < files:
        assert time.monotonic() < deadline_s, "nothing was encrypted"
        await asyncio.sleep(0.5)


async def test_a_site_that_encrypts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEDETTE_RECORDING__SEGMENT_S", "10")
    with running_site(tmp_path / "data") as site:
        storage = ask(site, "GET", f"recordingServers/{site.recorder.id}/storages")["array"][0]["id"]
        hardware = site.client.add_hardware(site.recorder.id, "simulator:gate?sound=0", "", "", name="Gate")
        camera = next(item.id for item in site.client.cameras() if item.hardware_id == hardware)
        while not list(site.recordings.rglob("*.mp4")):
            await asyncio.sleep(0.2)
        since = UtcUs(SystemClock().now_us() - US_PER_S)
        password = {"encryptionMethod": "Strong", "password": "correct horse 9"}
        ask(site, "POST", f"storages/{storage}?task=EnableEncryption", password)
        await until_encrypted(site, 2)
        await until_played(site, camera, since, 100)
        for process in psutil.Process(site.pid).children(recursive=True):
            if "server.recording.engine" in process.cmdline():
                os.kill(process.pid, signal.SIGKILL)
        known = len(encrypted_files(site))
        await until_encrypted(site, known + 1)
        await until_played(site, camera, since, 200)
    with running_site(tmp_path / "data") as site:
        await until_played(site, camera, since, 200)
    assert (site.recordings / "keys.json").exists()
    for file in (tmp_path / "data").rglob("*"):  # the password is nowhere in the clear
        if file.is_file():
            assert b"correct horse 9" not in file.read_bytes(), file
