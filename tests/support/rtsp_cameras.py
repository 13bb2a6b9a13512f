"""Starts real RTSP cameras (gst_cameras.py) for a test and ends them with it."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"


def gstreamer_is_here() -> bool:
    """Whether the system's Python can serve RTSP."""
    look = "import gi; gi.require_version('GstRtspServer', '1.0')"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", look], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@dataclass(slots=True)
class RtspCamera:
    """A running camera. `kill` ends it at once, as a power cut would."""

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextmanager
def rtsp_camera(
    video: str = "h264",
    audio: str = "",
    auth: str = "",
    transport: str = "any",
    b_frames: int = 0,
    port: int = 0,
    more: tuple[str, ...] = (),
) -> Iterator[RtspCamera]:
    """Serve /cam on a free port. With `auth` (basic, digest) the login is operator / right. `more`: further options."""
    cache = Path(tempfile.gettempdir()) / "vedette-test-clips"
    cache.mkdir(exist_ok=True)
    program = Path(__file__).with_name("gst_cameras.py")
    call = [SYSTEM_PYTHON, str(program), "--video", video, "--transport", transport, "--cache", str(cache)]
    call += ["--port", str(port), "--b-frames", str(b_frames), *more]
    call += ["--audio", audio] if audio else []
    call += ["--auth", auth] if auth else []
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        assert ready[:1] == ["READY"], "the camera did not start"
        yield RtspCamera(int(ready[1]), process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
