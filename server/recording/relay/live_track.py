"""One watched live track in the gateway: the GOPs kept for its viewers, and each viewer's place in them.

Viewers share the kept units, so a viewer costs no memory of its own: it has a cursor, and takes the next unit whenever
its connection has room. One that falls behind what is kept, or more than two seconds behind, goes on at a keyframe;
what it lost is counted in whole GOPs. No input or output here.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from common.foundation.clock import UtcUs
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind

MOST_KEPT_BYTES = 32 * 1024 * 1024
MOST_LAG_S = 2.0
_KEYFRAME = int(RecordFlags.KEYFRAME)  # an IntFlag costs 1 us a question
_LEAST_KEPT_UNITS = 64  # of tracks whose every unit is a keyframe: sound, JPEG


@dataclass(frozen=True, slots=True)
class TrackState:
    """What `state` messages say of a track."""

    state: str
    since_us: UtcUs
    reason: str = ""


@dataclass(slots=True)
class _Kept:
    """A unit that viewers may still need. `gop` counts keyframes; `config` is in force for it."""

    record: MediaRecord
    gop: int
    config: MediaRecord
    arrival_s: float


@dataclass(slots=True)
class Taken:
    """What a cursor gives next: media to send, and what was lost before it."""

    records: list[tuple[MediaRecord, int]] = field(default_factory=list)  # and the flags to send it with
    lost_gops: int = 0
    lost_units: int = 0


class LiveTrack:
    """The newest units of a track, at least its current GOP, and who must be told that there are more."""

    def __init__(self, state: TrackState) -> None:
        self.state = state
        self._kept: deque[_Kept] = deque()
        self._first = 0  # the number of the oldest kept unit; numbers rise for ever
        self._size_bytes = 0
        self._keyframes: deque[int] = deque()  # numbers of kept keyframes
        self._gops = 0
        self._config: MediaRecord | None = None
        self._viewers: tuple[Callable[[], None], ...] = ()

    @property
    def end(self) -> int:
        """The number that the next unit will have."""
        return self._first + len(self._kept)

    @property
    def newest(self) -> _Kept | None:
        """The newest unit, where one is kept."""
        return self._kept[-1] if self._kept else None

    @property
    def watched(self) -> bool:
        return bool(self._viewers)

    def join(self, wake: Callable[[], None]) -> "Cursor":
        """A new viewer; `wake` is called when there is something to take."""
        self._viewers = (*self._viewers, wake)
        return Cursor(self)

    def leave(self, wake: Callable[[], None]) -> None:
        self._viewers = tuple(other for other in self._viewers if other != wake)

    def set_state(self, state: TrackState) -> None:
        self.state = state
        self._wake()

    def broke(self) -> None:
        """The device went away: nothing kept is current any more."""
        self._forget(len(self._kept))

    def source_lost(self) -> None:
        """The engine went away: its successor sends the configuration again before anything else."""
        self.broke()
        self._config = None

    def feed(self, record: MediaRecord, arrival_s: float) -> None:
        """The next record from the engine."""
        if record.kind is RecordKind.CONFIG:
            self._config = record
            return
        if self._config is None:
            return  # the engine sends a configuration first
        keyframe = record.flags & _KEYFRAME != 0
        if keyframe:
            self._gops += 1
            self._keyframes.append(self.end)
        self._kept.append(_Kept(record, self._gops, self._config, arrival_s))
        self._size_bytes += len(record.payload)
        if keyframe:
            self._trim()
        while self._size_bytes > MOST_KEPT_BYTES and len(self._kept) > 1:
            self._forget(1)
        self._wake()

    def keyframe_from(self, number: int) -> int | None:
        """The newest kept keyframe at or after `number`."""
        return self._keyframes[-1] if self._keyframes and self._keyframes[-1] >= number else None

    def kept(self, number: int) -> _Kept | None:
        """The unit with that number; None when it is gone."""
        return self._kept[number - self._first] if number >= self._first else None

    def gops_before(self, number: int) -> int:
        """How many GOPs began before the unit with that number, kept or gone."""
        if not self._kept or number >= self.end:
            return self._gops
        kept = self._kept[max(number - self._first, 0)]
        return kept.gop - 1

    def _trim(self) -> None:
        """Keep the current GOP and the one before it, and of small units a few more."""
        before = self._keyframes[-2] if len(self._keyframes) > 1 else self._first
        self._forget(min(before, max(self.end - _LEAST_KEPT_UNITS, self._first)) - self._first)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._size_bytes -= len(self._kept.popleft().record.payload)
        self._first += count
        while self._keyframes and self._keyframes[0] < self._first:
            self._keyframes.popleft()

    def _wake(self) -> None:
        for wake in self._viewers:
            wake()


class Cursor:
    """One viewer's place in a track."""

    def __init__(self, track: LiveTrack) -> None:
        self._track = track
        self._broken = True
        self._config: MediaRecord | None = None
        self._waiting = False  # for a keyframe that has not come yet
        start = track.keyframe_from(0)
        self._next = track.end if start is None else start
        self._waiting = start is None
        self._shown_from = max(track.end - 1, self._next)  # units before it were there when we came: preroll

    @property
    def ready(self) -> bool:
        return self._next < self._track.end

    def next_in_step(self) -> MediaRecord | None:
        """Take the newest unit when it is the only one to take and nothing but it is to be sent: the usual case, for
        every viewer and picture."""
        track, number = self._track, self._next
        if number != track.end - 1 or number < self._shown_from or self._broken or self._waiting:
            return None
        kept = track.newest
        if kept is None or kept.config is not self._config:
            return None
        self._next = number + 1
        return kept.record

    def take(self, most_bytes: int, now_s: float) -> Taken:
        """Take what can be sent now: about `most_bytes`, at least one unit when there is one."""
        taken = Taken()
        size = 0
        while self._next < self._track.end and size < most_bytes:
            if self._late(now_s):
                self._skip(taken)
                continue
            kept = self._track.kept(self._next)
            assert kept is not None  # else it is late
            record, number = kept.record, self._next
            self._next += 1
            if self._waiting and not record.flags & _KEYFRAME:
                taken.lost_units += self._config is not None  # before the first picture nothing is lost
                continue
            self._waiting = False
            if kept.config is not self._config:
                self._config = kept.config
                taken.records.append((kept.config, 0))
            flags = record.flags  # preroll for the first viewer is so for all: it was old when it came here
            if self._broken:
                flags |= RecordFlags.DISCONTINUITY
                self._broken = False
            if number < self._shown_from:
                flags |= RecordFlags.PREROLL
            taken.records.append((record, flags))
            size += record.size_bytes
        return taken

    def _late(self, now_s: float) -> bool:
        kept = self._track.kept(self._next)
        if kept is None:
            return True
        return not self._waiting and self._next > self._shown_from and now_s - kept.arrival_s > MOST_LAG_S

    def _skip(self, taken: Taken) -> None:
        """Leave out what is too old: go on at the newest keyframe, else wait for the next."""
        track, before = self._track, self._next
        keyframe = track.keyframe_from(before + 1)
        self._next = track.end if keyframe is None else keyframe
        self._waiting = keyframe is None
        self._shown_from = max(track.end - 1, self._next)
        self._broken = True
        taken.lost_units += self._next - before
        taken.lost_gops += max(track.gops_before(self._next) - track.gops_before(before), 1)
