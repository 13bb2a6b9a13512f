"""A sound server of the test's own: PulseAudio with one output that goes nowhere, and what was played on it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000


def sound_server_is_here() -> bool:
    return all(map(shutil.which, ("pulseaudio", "parec", "pactl")))


class SoundServer:
    """`environ` makes a program play here."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "sound"
        self.environ: Mapping[str, str] = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{self._socket}",
        }

    @property
    def answers(self) -> bool:
        return subprocess.run(["pactl", "info"], env=self.environ, capture_output=True, check=False).returncode == 0

    def heard(self, seconds: float) -> NDArray[np.int16]:
        """Return what is played during the next seconds, one channel."""
        wanted = int(RATE_HZ * seconds) * 4
        call = ["parec", "-d", "nowhere.monitor", "--format=s16le", f"--rate={RATE_HZ}", "--channels=2"]
        with subprocess.Popen(call, env=self.environ, stdout=subprocess.PIPE) as listener:
            assert listener.stdout is not None
            data = listener.stdout.read(wanted)
            listener.terminate()
        return np.frombuffer(data, "<i2")[::2]


@contextmanager
def sound_server(folder: Path) -> Iterator[SoundServer]:
    """Run one with its files in `folder`, whose path must be short (a Unix socket's has 108 bytes)."""
    folder.chmod(0o700)
    server = SoundServer(folder)
    modules = [
        "module-null-sink sink_name=nowhere",
        f"module-native-protocol-unix socket={folder}/sound auth-anonymous=1",
    ]
    call = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    load = [option for module in modules for option in ("-L", module)]
    with subprocess.Popen([*call, *load], env=server.environ, stderr=subprocess.DEVNULL) as process:
        try:
            while not server.answers:
                assert process.poll() is None, "the sound server ended"
                time.sleep(0.02)
            yield server
        finally:
            process.terminate()
