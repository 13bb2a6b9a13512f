"""What a driver promises: one camera's streams as raw access units, until it is cancelled or the camera is lost.

The recorder owns reconnecting, watchdogs, wall time and storage; a driver only speaks to the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import CodecConfig, TrackName


@dataclass(slots=True)
class RawUnit:
    """An access unit as the device sent it, before wall time is known.

    `data` as in AccessUnit. `pts` and `dts` are the device's media time in ticks of the track's timescale, unwrapped
    to 64 bits by the driver, but otherwise as sent: they may jump or step back, which `ingest` repairs.
    `damaged`: packets of this unit, or of one that it refers to, were lost.
    `arrival_s`: monotonic clock when its last byte came.
    """

    data: bytes
    pts: int
    dts: int
    keyframe: bool
    arrival_s: float
    disposable: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class DeviceTrack:
    """A track that a device offers. `device` and `track` name where it is recorded and watched."""

    device: DeviceId
    track: TrackName
    config: CodecConfig


class DeviceSink(Protocol):
    """Where a driver delivers. Called on the engine's event loop only; returns at once; never raises."""

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """The session is up and has these tracks. Called again, with all tracks, when one's configuration changed
        (parameter sets, picture size): it is in force from the next unit of that track."""

    def unit(self, index: int, unit: RawUnit) -> None:
        """The next access unit of track `index` in what `tracks` was last told, in decoding order."""

    def sender_report(self, index: int, device_utc_us: UtcUs, ticks: int) -> None:
        """The device says that its media time `ticks` was its wall time `device_utc_us` (RTCP SR, RFC 3550, 6.4.1)."""


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """How to reach one device's streams. `camera`, `microphone` and `metadata` are the devices of its tracks.

    `url`: `rtsp://`, `rtsps://`, `simulator:NAME`, or anything libav opens. User and password never stand in it.
    `transport`: `tcp`, `udp`, or `auto` (TCP, then UDP when the device refuses TCP with 461).
    """

    name: str  # for messages: which camera
    url: str
    camera: DeviceId
    microphone: DeviceId | None = None
    metadata: DeviceId | None = None
    user: str = ""
    password: str = ""
    transport: str = "auto"
    sub_url: str = ""  # the smaller second stream, if the device has one: live only, track `secondary`


class Driver(Protocol):
    """Speaks to one kind of device."""

    async def run(self, address: DeviceAddress, sink: DeviceSink) -> None:
        """Connect and deliver until cancelled, which closes the connection politely.

        Raises DeviceRefused (wrong password, no such stream, unsupported codec) or DeviceError (unreachable, closed,
        time-out, protocol broken); never returns without raising. The text says what happened and what to do.
        """
