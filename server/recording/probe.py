"""`python -m server.recording.probe`: tries a camera's address and shows what it sends.

Reads one JSON line {"url", "user", "password", "transport"} on stdin; prints one JSON line, either
{"video": {codec, width, height, fps}, "audio": {codec, sampleRate, channels} | null, "jpeg": base64} or
{"error": {"message_key", "message"}}. A process of its own, as it decodes what an unknown device sends.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Sequence

from common.foundation.catalog import explain
from common.foundation.clock import UtcUs
from common.foundation.errors import DeviceError, DeviceRefused, ProtocolError, VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, CodecConfig, MediaKind
from common.media.snapshot import jpeg_of
from server.recording.drivers.contract import DeviceAddress, DeviceTrack, RawUnit
from server.recording.drivers.opening import driver_for

FIRST_PICTURE_S = 12.0
JPEG_WIDTH_PX = 640
_MOST_PICTURES = 12  # enough to tell the frame rate
_MOST_LINE_BYTES = 65_536


class NoPicture(DeviceError):
    """The camera accepted us and sent no keyframe in time."""

    message_key = "driver.no_picture"


class _Listener:
    """A sink that keeps the first keyframe and a few pictures after it."""

    def __init__(self) -> None:
        self.known: tuple[DeviceTrack, ...] = ()
        self.config: CodecConfig | None = None
        self.keyframe: RawUnit | None = None
        self.times: list[int] = []
        self.got_keyframe = asyncio.Event()
        self.enough = asyncio.Event()

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        self.known = tuple(tracks)
        if not any(track.config.kind is MediaKind.VIDEO for track in tracks):
            self.got_keyframe.set()  # a microphone alone: nothing to wait for
            self.enough.set()

    def unit(self, index: int, unit: RawUnit) -> None:
        config = self.known[index].config
        if config.kind is not MediaKind.VIDEO or self.enough.is_set():
            return
        if self.keyframe is None:
            if not unit.keyframe or unit.damaged:
                return
            self.keyframe, self.config = unit, config
            self.got_keyframe.set()
        self.times.append(unit.pts)
        if len(self.times) >= _MOST_PICTURES:
            self.enough.set()

    def sender_report(self, index: int, device_utc_us: UtcUs, ticks: int) -> None:
        """Not needed here."""

    def frame_rate(self) -> float:
        """Pictures per second as they came, 0 when too few did."""
        if self.config is None or len(self.times) < 3 or max(self.times) == min(self.times):
            return 0.0
        return round((len(self.times) - 1) * self.config.timescale / (max(self.times) - min(self.times)), 2)


async def probe(address: DeviceAddress) -> dict[str, object]:
    """Return what the camera sends; raises DeviceError or another VmsError when it sends nothing."""
    listener = _Listener()
    running = asyncio.create_task(driver_for(address).run(address, listener), name="probed device")
    try:
        await _first_of(running, listener.got_keyframe, FIRST_PICTURE_S)
        if not listener.got_keyframe.is_set():
            if running.done():
                running.result()
            raise NoPicture(f"no picture came within {FIRST_PICTURE_S:.0f} s", camera=address.name)
        await _first_of(running, listener.enough, 1.5)
    finally:
        running.cancel()
        await asyncio.wait([running])
    audio = next((track.config for track in listener.known if track.config.kind is MediaKind.AUDIO), None)
    return {
        "video": _video(listener),
        "audio": None
        if audio is None
        else {"codec": audio.codec.value, "sampleRate": audio.sample_rate_hz, "channels": audio.channels},
        "jpeg": _jpeg(listener),
    }


async def _first_of(running: "asyncio.Task[None]", event: asyncio.Event, most_s: float) -> None:
    waiting = asyncio.create_task(event.wait(), name="probe waits")
    try:
        await asyncio.wait([running, waiting], timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])


def _video(listener: _Listener) -> dict[str, object] | None:
    config = listener.config
    if config is None:
        return None
    return {
        "codec": config.codec.value,
        "width": config.width_px,
        "height": config.height_px,
        "fps": listener.frame_rate(),
    }


def _jpeg(listener: _Listener) -> str:
    config, unit = listener.config, listener.keyframe
    if config is None or unit is None:
        return ""
    whole = AccessUnit(unit.data, unit.pts, unit.dts, UtcUs(0), keyframe=True)
    return base64.b64encode(jpeg_of(config, whole, JPEG_WIDTH_PX)).decode()


def _address(line: str) -> DeviceAddress:
    try:
        given = json.loads(line)
        texts = {key: given.get(key, default) for key, default in (("url", ""), ("user", ""), ("password", ""))}
        transport = given.get("transport", "auto")
    except (ValueError, AttributeError):
        raise ProtocolError("the question is not a JSON object", peer="The caller") from None
    if not all(isinstance(text, str) for text in texts.values()) or transport not in ("auto", "tcp", "udp"):
        raise ProtocolError("the question has fields of the wrong kind", peer="The caller")
    name = "The camera"
    return DeviceAddress(
        name=name,
        url=texts["url"],
        camera=DeviceId("camera"),
        microphone=DeviceId("microphone"),
        user=texts["user"],
        password=texts["password"],
        transport=transport,
    )


def main() -> None:
    """Answer one question; exit code 0 also when the answer is an error."""
    try:
        answer = asyncio.run(probe(_address(sys.stdin.readline(_MOST_LINE_BYTES))))
    except VmsError as failed:
        if isinstance(failed, DeviceError | DeviceRefused):
            failed.params.setdefault("camera", "The camera")
        answer = {"error": {"message_key": failed.message_key, "message": explain(failed)}}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
