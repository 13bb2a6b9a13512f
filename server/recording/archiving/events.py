"""What the jobs tell the recorder; each becomes a line of the log. Called on the jobs' threads."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from common.foundation.clock import UtcUs
from server.recording.mediadb.contract import TrackKey

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job cannot go on and is tried again, later and later. Sent once for each outage."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobRecovered:
    """A job that failed works again."""

    job: str


@dataclass(frozen=True, slots=True)
class SegmentNotMoved:
    """A segment cannot be read where it is; it stays there. Sent once for each while the recorder runs."""

    path: str
    key: TrackKey
    start: UtcUs
    reason: str


@dataclass(frozen=True, slots=True)
class SegmentDamaged:
    """The scrubber found a stored segment that is not as it was written."""

    path: str
    key: TrackKey
    start: UtcUs
    reason: str


@dataclass(frozen=True, slots=True)
class ArchiveTrimmed:
    """Recordings younger than their retention were deleted from an archive: it is full, or over its size limit."""

    archive: str
    segments: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RetentionHeld:
    """More than half of a stage would be deleted by age at once: a clock that is wrong looks like that. It is done only
    when it still holds after a day."""

    archive: str
    segments: int
    of: int


@dataclass(frozen=True, slots=True)
class ScrubFinished:
    """A verification pass over all segments of a stage is complete."""

    stage: str
    segments: int
    damaged: int


ArchivingEvent = (
    JobFailed | JobRecovered | SegmentNotMoved | SegmentDamaged | ArchiveTrimmed | RetentionHeld | ScrubFinished
)
Report = Callable[[ArchivingEvent], None]

_NAMES: dict[type, tuple[str, Level]] = {
    JobFailed: ("archiving_failed", "error"),
    JobRecovered: ("archiving_recovered", "warning"),
    SegmentNotMoved: ("segment_not_moved", "error"),
    SegmentDamaged: ("segment_damaged", "error"),
    ArchiveTrimmed: ("archive_trimmed", "warning"),
    RetentionHeld: ("retention_held", "error"),
    ScrubFinished: ("scrub_finished", "info"),
}


def as_line(event: ArchivingEvent) -> tuple[str, Level, dict[str, object]]:
    """Name, level and fields of an event."""
    name, level = _NAMES[type(event)]
    fields = asdict(event)
    if isinstance(event, SegmentNotMoved | SegmentDamaged):
        del fields["key"]
        fields |= {"device": event.key.device, "track": event.key.track}
    return name, level, fields
