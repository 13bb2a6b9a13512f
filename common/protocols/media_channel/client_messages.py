"""What a client says on the media channel: see FORMAT.md beside this file."""
# ruff: noqa: RUF009 - `wire` is dataclasses.field with metadata: each call makes a field, not a shared default

from dataclasses import dataclass
from typing import ClassVar

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, TrackName
from common.protocols.media_channel import fields
from common.protocols.media_channel.deletion_messages import DeletionConfirm
from common.protocols.media_channel.export_messages import ExportControl, ExportCreate, ExportList
from common.protocols.media_channel.fields import wire
from common.protocols.media_channel.lock_messages import LockChange, LockCreate, LockList, LockRemove

MOST_SEQUENCES = 10_000
MOST_GAPS = 4000
MOST_TIMELINE_DEVICES = 64
MOST_TIMELINE_BUCKETS = 4000


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Sign in, or stay signed in with a fresh access token."""

    op: ClassVar = "authenticate"
    token: str = wire(fields.string(fields.MOST_TOKEN_CHARACTERS, 1))

    def __repr__(self) -> str:  # a token must not reach a log
        return "Authenticate(...)"


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send a track from now on: live when `from_us` is None, else recorded from that instant."""

    op: ClassVar = "subscribe"
    sub: int = wire(fields.u32)
    device: DeviceId = wire(fields.name)
    track: TrackName = wire(fields.name, default=PRIMARY)
    from_us: UtcUs | None = wire(fields.live_or_time, "from", default=None)
    group: int | None = wire(fields.or_null(fields.u32), default=None)
    speed: float = wire(fields.speed, default=1.0)
    paused: bool = wire(fields.boolean, default=False)
    generation: int = wire(fields.u16, default=0)
    width_px: int = wire(fields.u32, "width", default=0)

    @property
    def group_number(self) -> int:
        """The group it plays in: one of its own unless one is named."""
        return self.sub if self.group is None else self.group


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    op: ClassVar = "unsubscribe"
    sub: int = wire(fields.u32)


@dataclass(frozen=True, slots=True)
class Seek:
    """Move a group's playhead."""

    op: ClassVar = "seek"
    group: int = wire(fields.u32)
    to_us: UtcUs = wire(fields.time, "to")
    generation: int = wire(fields.u16)


@dataclass(frozen=True, slots=True)
class Step:
    """Pause, and show the next (+1) or previous (-1) picture, seen from the one shown at `from_us`."""

    op: ClassVar = "step"
    group: int = wire(fields.u32)
    from_us: UtcUs = wire(fields.time, "from")
    count: int = wire(fields.one_step)
    generation: int = wire(fields.u16)


@dataclass(frozen=True, slots=True)
class Pause:
    op: ClassVar = "pause"
    group: int = wire(fields.u32)


@dataclass(frozen=True, slots=True)
class Resume:
    op: ClassVar = "resume"
    group: int = wire(fields.u32)


@dataclass(frozen=True, slots=True)
class Speed:
    """Play at `speed` from playhead `at_us` on; negative is backward."""

    op: ClassVar = "speed"
    group: int = wire(fields.u32)
    speed: float = wire(fields.speed)
    at_us: UtcUs = wire(fields.time, "at")
    generation: int = wire(fields.u16)


@dataclass(frozen=True, slots=True)
class Position:
    """Where the client's playhead is; the server paces by it."""

    op: ClassVar = "position"
    group: int = wire(fields.u32)
    at_us: UtcUs = wire(fields.time, "at")


@dataclass(frozen=True, slots=True)
class SequencesQuery:
    """Ask what is recorded in `from_us <= t < to_us`."""

    op: ClassVar = "sequences"
    id: int = wire(fields.u32)
    device: DeviceId = wire(fields.name)
    from_us: UtcUs = wire(fields.time, "from")
    to_us: UtcUs = wire(fields.time, "to")
    track: TrackName = wire(fields.name, default=PRIMARY)
    limit: int = wire(fields.whole_number(1, MOST_SEQUENCES), default=MOST_SEQUENCES)


@dataclass(frozen=True, slots=True)
class GapsQuery:
    """Ask what is not recorded in `from_us <= t < to_us`, and why."""

    op: ClassVar = "gaps"
    id: int = wire(fields.u32)
    device: DeviceId = wire(fields.name)
    from_us: UtcUs = wire(fields.time, "from")
    to_us: UtcUs = wire(fields.time, "to")
    track: TrackName = wire(fields.name, default=PRIMARY)
    limit: int = wire(fields.whole_number(1, MOST_GAPS), default=MOST_GAPS)


def _devices(value: object) -> tuple[DeviceId, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_TIMELINE_DEVICES:
        raise ValueError(f"an array of 1 to {MOST_TIMELINE_DEVICES} devices")
    return tuple(DeviceId(fields.name(device)) for device in value)


@dataclass(frozen=True, slots=True)
class TimelineQuery:
    """Ask how much of each of `buckets` equal parts of `from_us <= t < to_us` is recorded."""

    op: ClassVar = "timeline"
    id: int = wire(fields.u32)
    devices: tuple[DeviceId, ...] = wire(_devices)
    from_us: UtcUs = wire(fields.time, "from")
    to_us: UtcUs = wire(fields.time, "to")
    buckets: int = wire(fields.whole_number(1, MOST_TIMELINE_BUCKETS))
    track: TrackName = wire(fields.name, default=PRIMARY)


@dataclass(frozen=True, slots=True)
class Probe:
    """Try a camera that is not configured yet (administrators)."""

    op: ClassVar = "probe"
    id: int = wire(fields.u32)
    url: str = wire(fields.text)
    user: str = wire(fields.text, default="")
    password: str = wire(fields.text, default="")
    transport: str = wire(fields.one_of("auto", "tcp", "udp"), default="auto")

    def __repr__(self) -> str:  # nor a password, which a URL may hold too
        return f"Probe(id={self.id})"


@dataclass(frozen=True, slots=True)
class Record:
    """Start or stop recording by hand."""

    op: ClassVar = "record"
    id: int = wire(fields.u32)
    device: DeviceId = wire(fields.name)
    on: bool = wire(fields.boolean)


ClientMessage = (
    Authenticate
    | Subscribe
    | Unsubscribe
    | Seek
    | Step
    | Pause
    | Resume
    | Speed
    | Position
    | SequencesQuery
    | GapsQuery
    | TimelineQuery
    | Probe
    | Record
    | ExportCreate
    | ExportList
    | ExportControl
    | LockCreate
    | LockChange
    | LockRemove
    | LockList
    | DeletionConfirm
)
