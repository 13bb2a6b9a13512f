"""What others cost for the same cameras: one `ffmpeg -c copy` segmenter a camera, and Debian's `motion`."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

MOTION_CAMERAS = 4

_MOTION = """daemon off
setup_mode off
log_level 3
webcontrol_port 0
stream_port 0
"""
_MOTION_CAMERA = """camera_name cam{number}
camera_id {number}
netcam_url rtsp://127.0.0.1:{port}/cam{number}
netcam_params rtsp_transport=tcp
width 1920
height 1080
framerate 25
emulate_motion on
picture_output off
movie_output on
movie_passthrough on
movie_max_time 300
movie_filename motion{number}
target_dir {folder}
stream_port 0
"""


async def _ended(processes: list[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.kill()
    await asyncio.gather(*(process.wait() for process in processes))


@asynccontextmanager
async def ffmpegs(folder: Path, port: int, cameras: int) -> AsyncIterator[list[psutil.Process]]:
    """One ffmpeg a camera, copying into five-minute segments."""
    running: list[asyncio.subprocess.Process] = []
    try:
        for number in range(cameras):
            source = ["-rtsp_transport", "tcp", "-i", f"rtsp://127.0.0.1:{port}/cam{number}"]
            sink = ["-c", "copy", "-f", "segment", "-segment_time", "300", str(folder / f"f{number}-%d.mp4")]
            call = ["ffmpeg", "-v", "quiet", "-y", *source, *sink]
            quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running.append(await asyncio.create_subprocess_exec(*call, **quiet))  # type: ignore[arg-type]
        await asyncio.sleep(cameras * 0.1)
        yield [psutil.Process(process.pid) for process in running]
    finally:
        await _ended(running)


def motion_missing() -> str | None:
    """Why `motion` cannot be measured; None when it can."""
    return None if shutil.which("motion") else "motion is not installed: apt-get install motion"


@asynccontextmanager
async def motion(folder: Path, port: int) -> AsyncIterator[list[psutil.Process]]:
    """One motion with four cameras, recording what they send as it is. It always analyses the pictures as well."""
    lines = _MOTION
    for number in range(1, MOTION_CAMERAS + 1):
        camera = folder / f"camera{number}.conf"
        camera.write_text(_MOTION_CAMERA.format(number=number, port=port, folder=folder))
        lines += f"camera {camera}\n"
    file = folder / "motion.conf"
    file.write_text(lines)
    process = await asyncio.create_subprocess_exec(
        *("motion", "-n", "-c", str(file)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await asyncio.sleep(5)
        yield [psutil.Process(process.pid)]
    finally:
        await _ended([process])
