"""What a recorder says on the media channel: see FORMAT.md beside this file."""
# ruff: noqa: RUF009 - `wire` is dataclasses.field with metadata: each call makes a field, not a shared default

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import ClassVar

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId, RecorderId
from common.protocols.media_channel import fields
from common.protocols.media_channel.client_messages import (
    MOST_GAPS,
    MOST_SEQUENCES,
    MOST_TIMELINE_BUCKETS,
    MOST_TIMELINE_DEVICES,
)
from common.protocols.media_channel.export_messages import ExportEstimated, Exports
from common.protocols.media_channel.fields import wire
from common.protocols.media_channel.lock_messages import Locks


@dataclass(frozen=True, slots=True)
class Hello:
    """Signed in."""

    op: ClassVar = "hello"
    version: int = wire(fields.u32)
    recorder: RecorderId = wire(fields.name)
    time_us: UtcUs = wire(fields.time, "time")


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription was accepted; `kind` is `video`, `audio` or `metadata`."""

    op: ClassVar = "subscribed"
    sub: int = wire(fields.u32)
    kind: str = wire(fields.one_of("video", "audio", "metadata"))


@dataclass(frozen=True, slots=True)
class State:
    """Whether a live track sends: `connecting`, `live`, `lost` or `stopped`, since when, and why."""

    op: ClassVar = "state"
    sub: int = wire(fields.u32)
    state: str = wire(fields.one_of("connecting", "live", "lost", "stopped"))
    since_us: UtcUs = wire(fields.time, "since")
    reason: str = wire(fields.text, default="")


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is recorded from..to; `to_us` None: nothing later (backward: earlier), yet."""

    op: ClassVar = "gap"
    sub: int = wire(fields.u32)
    generation: int = wire(fields.u16)
    from_us: UtcUs = wire(fields.time, "from")
    to_us: UtcUs | None = wire(fields.or_null(fields.time), "to")


@dataclass(frozen=True, slots=True)
class Edge:
    """Playback reached the newest (backward: oldest) recorded instant."""

    op: ClassVar = "edge"
    sub: int = wire(fields.u32)
    generation: int = wire(fields.u16)
    at_us: UtcUs = wire(fields.time, "at")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Left out because the connection was too slow, since the last such message."""

    op: ClassVar = "dropped"
    sub: int = wire(fields.u32)
    gops: int = wire(fields.u32)
    units: int = wire(fields.u32)


def _spans(value: object) -> tuple[tuple[UtcUs, UtcUs], ...]:
    if not isinstance(value, list) or len(value) > MOST_SEQUENCES:
        raise ValueError(f"an array of at most {MOST_SEQUENCES} spans")
    spans: list[tuple[UtcUs, UtcUs]] = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError("an array of [from, to]")
        spans.append((fields.time(pair[0]), fields.time(pair[1])))
    return tuple(spans)


@dataclass(frozen=True, slots=True)
class Sequences:
    """Recorded spans, oldest first."""

    op: ClassVar = "sequences"
    id: int = wire(fields.u32)
    spans: tuple[tuple[UtcUs, UtcUs], ...] = wire(_spans)


GapItem = tuple[UtcUs, UtcUs, str, str]
"""From, to, reason (a word of FORMAT.md), and a sentence for a person, which may be empty."""


def _gaps(value: object) -> tuple[GapItem, ...]:
    if not isinstance(value, list) or len(value) > MOST_GAPS:
        raise ValueError(f"an array of at most {MOST_GAPS} gaps")
    gaps: list[GapItem] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 4:
            raise ValueError("an array of [from, to, reason, detail]")
        gaps.append((fields.time(item[0]), fields.time(item[1]), fields.name(item[2]), fields.text(item[3])))
    return tuple(gaps)


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is not recorded and why, oldest first. Not `complete`: there are more behind the last."""

    op: ClassVar = "gaps"
    id: int = wire(fields.u32)
    gaps: tuple[GapItem, ...] = wire(_gaps)
    complete: bool = wire(fields.boolean, default=True)


@dataclass(frozen=True, slots=True)
class TimelineTrack:
    """A byte a bucket: `shares` 0 nothing, 255 all of it is recorded; `reasons` 0, or the place, from 1, in the words
    of the message of what most of the missing part is due to."""

    device: DeviceId
    shares: bytes
    reasons: bytes

    @staticmethod
    def read(value: object) -> "TimelineTrack":
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError("an array of [device, shares, reasons]")
        return TimelineTrack(DeviceId(fields.name(value[0])), _base64(value[1]), _base64(value[2]))

    def wire(self) -> list[str]:
        return [self.device, b64encode(self.shares).decode(), b64encode(self.reasons).decode()]


def _base64(value: object) -> bytes:
    try:
        return b64decode(fields.string(4 * (MOST_TIMELINE_BUCKETS // 3 + 1))(value), validate=True)
    except ValueError:
        raise ValueError(f"base64 of at most {MOST_TIMELINE_BUCKETS} bytes") from None


def _timeline_tracks(value: object) -> tuple[TimelineTrack, ...]:
    if not isinstance(value, list) or len(value) > MOST_TIMELINE_DEVICES:
        raise ValueError(f"an array of at most {MOST_TIMELINE_DEVICES} tracks")
    return tuple(map(TimelineTrack.read, value))


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 255:
        raise ValueError("an array of at most 255 words")
    return tuple(fields.name(word) for word in value)


@dataclass(frozen=True, slots=True)
class Timeline:
    """How much of each bucket is recorded, and why the rest is not; `reasons` are the words that tracks refer to."""

    op: ClassVar = "timeline"
    id: int = wire(fields.u32)
    reasons: tuple[str, ...] = wire(_words)
    tracks: tuple[TimelineTrack, ...] = wire(_timeline_tracks)


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """What a probed camera's video is."""

    codec: str
    width_px: int
    height_px: int
    fps: float

    @staticmethod
    def read(value: object) -> "ProbedVideo":
        source = _object(value)
        return ProbedVideo(
            fields.read_field(source, "codec", fields.name, "video"),
            fields.read_field(source, "width", fields.u32, "video"),
            fields.read_field(source, "height", fields.u32, "video"),
            fields.read_field(source, "fps", fields.number(0, 10_000), "video"),
        )

    def wire(self) -> dict[str, object]:
        return {"codec": self.codec, "width": self.width_px, "height": self.height_px, "fps": self.fps}


@dataclass(frozen=True, slots=True)
class ProbedAudio:
    """What a probed camera's sound is."""

    codec: str
    sample_rate_hz: int
    channels: int

    @staticmethod
    def read(value: object) -> "ProbedAudio":
        source = _object(value)
        return ProbedAudio(
            fields.read_field(source, "codec", fields.name, "audio"),
            fields.read_field(source, "sampleRate", fields.u32, "audio"),
            fields.read_field(source, "channels", fields.u32, "audio"),
        )

    def wire(self) -> dict[str, object]:
        return {"codec": self.codec, "sampleRate": self.sample_rate_hz, "channels": self.channels}


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


@dataclass(frozen=True, slots=True)
class Probed:
    """What a camera sends, and its first picture as base64 of a JPEG at most 640 wide (empty when it sends none)."""

    op: ClassVar = "probed"
    id: int = wire(fields.u32)
    video: ProbedVideo | None = wire(fields.or_null(ProbedVideo.read), default=None)
    audio: ProbedAudio | None = wire(fields.or_null(ProbedAudio.read), default=None)
    jpeg: str = wire(fields.string(2**20), default="")


@dataclass(frozen=True, slots=True)
class Done:
    op: ClassVar = "done"
    id: int = wire(fields.u32)


@dataclass(frozen=True, slots=True)
class Error:
    """A subscription (`sub`) has ended, or a request (`id`) failed. `message` is a sentence for a person."""

    op: ClassVar = "error"
    code: str = wire(fields.name)
    message: str = wire(fields.text)
    sub: int | None = wire(fields.or_null(fields.u32), default=None)
    id: int | None = wire(fields.or_null(fields.u32), default=None)


ServerMessage = (
    Hello
    | Subscribed
    | State
    | Gap
    | Edge
    | Dropped
    | Sequences
    | Gaps
    | Timeline
    | Probed
    | Done
    | Error
    | Exports
    | ExportEstimated
    | Locks
)
