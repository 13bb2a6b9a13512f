"""A recorder for Smart Client tests: the real media server in a thread, with pictures encoded on the spot."""

import asyncio
import dataclasses
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.clients.management_values import Camera, Hardware, Microphone, RecordingServer
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId, HardwareId, RecorderId
from common.media.access_unit import PRIMARY, SECONDARY, AccessUnit, CodecConfig
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import DeviceState
from server.recording.mediadb.contract import Gop, TrackKey
from tests.support.media_samples import START_UTC, video_sample
from tests.support.recorder_rig import CAMERA, CAMERA_2, Rig, recorder_rig

RECORDER = "00000000-0000-4000-8000-0000000000ff"
FRAME_US = 40_000
GOP_UNITS = 25


def moved(unit: AccessUnit, to: int, loop: int, frames: int) -> AccessUnit:
    """`unit` of a clip that repeats: times and ticks go on."""
    shift = loop * frames * 3600
    return dataclasses.replace(unit, pts=unit.pts + shift, dts=unit.dts + shift, utc_us=UtcUs(to))


def _noise(unit: AccessUnit, seed: int) -> AccessUnit:
    """The same unit with bytes that mean nothing, of the same length, in one NAL unit of the same type."""
    body = random.Random(seed).randbytes(max(0, len(unit.data) - 5))
    return dataclasses.replace(unit, data=(len(body) + 1).to_bytes(4, "big") + unit.data[4:5] + body)


def recorded_gops(config: CodecConfig, units: tuple[AccessUnit, ...], start: int, seconds: int) -> list[Gop]:
    """A recording of `seconds`, one GOP a second, from the clip over and over."""
    gops: list[Gop] = []
    per_clip = len(units) // GOP_UNITS
    for number in range(seconds):
        loop, part = divmod(number, per_clip)
        at = start + number * GOP_UNITS * FRAME_US
        chosen = units[part * GOP_UNITS : (part + 1) * GOP_UNITS]
        first_us = chosen[0].utc_us
        shown = tuple(moved(unit, at + unit.utc_us - first_us, loop, len(units)) for unit in chosen)
        gops.append(Gop(config, shown, UtcUs(at), UtcUs(at + GOP_UNITS * FRAME_US)))
    return gops


class RunningRecorder:
    """What a test does to the recorder from its own thread."""

    def __init__(self, rig: Rig, loop: asyncio.AbstractEventLoop, config: CodecConfig) -> None:
        self._rig = rig
        self._loop = loop
        self.config = config
        self.uri = rig.uri
        self.silent = False  # nothing comes, and nobody says why
        self.garbage = False  # the first camera sends noise instead of pictures

    def lose(self, device: DeviceId, reason: str) -> None:
        """The camera sends nothing any more."""
        state = DeviceState("lost", SystemClock().now_us(), reason)
        self._loop.call_soon_threadsafe(self._rig.bus.publish_state, device, state)

    def publish(self, unit: AccessUnit, device: DeviceId = CAMERA) -> None:
        self._loop.call_soon_threadsafe(self._rig.bus.publish, device, PRIMARY, unit)


@contextmanager
def running_recorder(
    folder: Path,
    recorded_s: int = 0,
    gap_s: int = 0,
    live: bool = True,
    size_px: tuple[int, int] = (160, 96),
    second_px: tuple[int, int] | None = None,
) -> Iterator[RunningRecorder]:
    """Both cameras live at 25 pictures a second, the other one with a smaller second stream if wanted; the first has
    recordings that end now, with a gap in their middle."""
    config, units = video_sample(frames=2 * GOP_UNITS, gop=GOP_UNITS, width_px=size_px[0], height_px=size_px[1])
    smaller = None
    if second_px is not None:
        smaller = video_sample(frames=2 * GOP_UNITS, gop=GOP_UNITS, width_px=second_px[0], height_px=second_px[1])
    ready, stop = threading.Event(), threading.Event()
    made: list[RunningRecorder] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        async with recorder_rig(folder, second_stream=second_px is not None) as rig:
            now = SystemClock().now_us()
            if recorded_s:
                half = recorded_s // 2
                first = recorded_gops(config, units, now - (recorded_s + gap_s) * 1_000_000, half)
                second = recorded_gops(config, units, now - (recorded_s - half) * 1_000_000, recorded_s - half)
                rig.reader.tracks[TrackKey(CAMERA, PRIMARY)] = first + second
            made.append(RunningRecorder(rig, asyncio.get_running_loop(), config))
            if live:
                for device in (CAMERA, CAMERA_2):
                    rig.announce(device, config)
                if smaller is not None:
                    rig.bus.publish_tracks([DeviceTrack(CAMERA_2, SECONDARY, smaller[0])])
            ready.set()
            number = 0
            while not stop.is_set():
                if live and not made[0].silent:
                    loop, place = divmod(number, len(units))
                    unit = moved(units[place], SystemClock().now_us(), loop, len(units))
                    for device in (CAMERA, CAMERA_2):
                        noise = made[0].garbage and device == CAMERA
                        rig.bus.publish(device, PRIMARY, _noise(unit, number) if noise else unit)
                    if smaller is not None:
                        small = moved(smaller[1][place], unit.utc_us, loop, len(units))
                        rig.bus.publish(CAMERA_2, SECONDARY, small)
                    number += 1
                await asyncio.sleep(FRAME_US / 1e6)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told to the test that waits
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="test recorder")
    thread.start()
    try:
        assert ready.wait(30)
        if failed:
            raise failed[0]
        yield made[0]
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


class SiteClient:
    """What the Smart Client asks of management: one recorder with two cameras, the first with a microphone."""

    def __init__(self, media_uri: str, cameras: int = 2) -> None:
        self.media_uri = media_uri
        self.count = cameras

    def access_token(self) -> str:
        return "viewers"

    def recording_servers(self) -> tuple[RecordingServer, ...]:
        return (RecordingServer(RecorderId(RECORDER), "Recorder 1", True, "", "", 7563, self.media_uri, "1", True, ""),)

    def hardware(self) -> tuple[Hardware, ...]:
        return tuple(
            Hardware(HardwareId(f"h{n}"), f"Device {n}", True, "", "", "", "", RecorderId(RECORDER), "")
            for n in range(self.count)
        )

    def cameras(self) -> tuple[Camera, ...]:
        ids = [CAMERA, CAMERA_2, *(DeviceId(f"00000000-0000-4000-8000-0000000000{n:02d}") for n in range(50, 90))]
        names = ["Entrance", "Yard", *(f"Camera {n}" for n in range(50, 90))]
        return tuple(Camera(ids[n], names[n], True, "", 0, True, 3, HardwareId(f"h{n}"), "") for n in range(self.count))

    def microphones(self) -> tuple[Microphone, ...]:
        return ()

    def rest(self, method: str, path: str, body: object = None) -> dict[str, object]:
        return {"array": []}  # a site without bookmarks and views

    def user_id(self) -> str:
        return "00000000-0000-4000-8000-00000000a22a"

    def sign_out(self) -> None:
        pass

    def close(self) -> None:
        pass


__all__ = ["CAMERA", "CAMERA_2", "RECORDER", "START_UTC", "RunningRecorder", "SiteClient", "running_recorder"]
