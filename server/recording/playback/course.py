"""What is played next from one recorded track, as a conversation without input or output.

A course is a generator: it yields what it needs (a read, a moment, an instruction to send) and is sent the answer. Each
seek, step or change of speed begins a new course, so whatever an older one still wanted is simply dropped. The shell
that drives courses with a clock and a reader is `track_player`.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, CodecConfig
from common.protocols.media_channel.records import RecordFlags
from server.recording.mediadb.contract import Gop

LEAST_GAP_US = 200_000  # a shorter hole is jitter of the last unit's assumed duration, not a gap
FASTEST_FULL = 4.0  # above this, only keyframes

# what a course yields


@dataclass(frozen=True, slots=True)
class ReadAt:
    """Answered with the GOP that shows `at` (MediaReader.gop_at)."""

    at: UtcUs


@dataclass(frozen=True, slots=True)
class ReadAfter:
    """Answered with the first GOP that starts later than `at`."""

    at: UtcUs


@dataclass(frozen=True, slots=True)
class ReadBefore:
    """Answered with the last GOP that starts earlier than `at`."""

    at: UtcUs


@dataclass(frozen=True, slots=True)
class Running:
    """Go on when the group is not paused, and what was sent has left; answered with the playhead."""


@dataclass(frozen=True, slots=True)
class Due:
    """Go on when the playhead is near enough to `at`."""

    at: UtcUs


@dataclass(frozen=True, slots=True)
class MoreLater:
    """Go on after a while, when more may have been recorded."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A step shows the picture at `at`: the playhead stands there now."""

    at: UtcUs


@dataclass(frozen=True, slots=True)
class GapFound:
    start: UtcUs
    end: UtcUs | None


@dataclass(frozen=True, slots=True)
class EdgeReached:
    at: UtcUs


@dataclass(frozen=True, slots=True)
class SendUnits:
    """Units to send in this order, each with its RecordFlags."""

    config: CodecConfig
    units: Sequence[tuple[AccessUnit, int]]


Read = ReadAt | ReadAfter | ReadBefore
Effect = Read | Running | Due | MoreLater | Landed | GapFound | EdgeReached | SendUnits
Course = Generator[Effect, Gop | UtcUs | None, None]


@dataclass(frozen=True, slots=True)
class Start:
    """Where and how a course begins. `step`: show the picture after (+1) or before (-1) the one shown at `at`."""

    at: UtcUs
    speed: float = 1.0
    step: int = 0
    sound: bool = False

    @property
    def backward(self) -> bool:
        return self.speed < 0

    @property
    def keyframes_only(self) -> bool:
        return abs(self.speed) > FASTEST_FULL


def course(start: Start) -> Course:
    """Play one track from `start` on, until it is dropped; ends by itself only where nothing more can come."""
    if start.sound:
        yield from _sound(start)
        return
    found = yield from (_stepped(start) if start.step else _shown(start.at, start.backward))
    if found is None:
        return
    gop, target = found
    if start.step:
        yield Landed(target.utc_us)
    yield _sending(gop, start, target)
    yield from _on_from(gop, start)


def _sound(start: Start) -> Course:
    """Sound is sent only while it can be heard: forward, not too fast, not paused."""
    if start.backward or start.keyframes_only:
        return
    at = yield Running()
    assert isinstance(at, int)
    found = yield from _shown(UtcUs(at), backward=False)
    if found is not None:
        gop, target = found
        yield _sending(gop, start, target)
        yield from _on_from(gop, start)


_Found = Generator[Effect, Gop | UtcUs | None, tuple[Gop, AccessUnit] | None]


def _read(effect: Read) -> Generator[Effect, Gop | UtcUs | None, Gop | None]:
    answer = yield effect
    assert answer is None or isinstance(answer, Gop)
    return answer


def _shown(at: UtcUs, backward: bool) -> _Found:
    """Find the GOP and the unit to show at `at`; in a gap, the nearest in playing direction."""
    gop = yield from _read(ReadAt(at))
    if gop is not None and (gop.growing or at < gop.end):
        return gop, picture_at(gop, at)
    after = yield from _read(ReadAfter(at))
    yield GapFound(UtcUs(0) if gop is None else gop.end, None if after is None else after.start)
    if backward:
        if gop is None:
            yield EdgeReached(at if after is None else after.start)
            return None
        return gop, last_picture(gop)
    if after is None:
        yield EdgeReached(at if gop is None else gop.end)
    while after is None:
        yield MoreLater()
        now_there = yield from _read(ReadAt(at))  # what was still in a writer's hands when we asked
        if now_there is not None and (now_there.growing or at < now_there.end):
            return now_there, picture_at(now_there, at)
        after = yield from _read(ReadAfter(at))
    return after, first_picture(after)


def _stepped(start: Start) -> _Found:
    """Find the GOP and the unit next to the one shown at `start.at`; at either end, that one itself."""
    gop = yield from _read(ReadAt(start.at))
    if start.step > 0:
        if gop is not None and (later := [unit for unit in gop.units if unit.utc_us > start.at]):
            return gop, min(later, key=_utc)
        after = yield from _read(ReadAfter(start.at if gop is None else gop.start))
        if after is not None:
            if gop is None or after.start - gop.end > LEAST_GAP_US:
                yield GapFound(UtcUs(0) if gop is None else gop.end, after.start)
            return after, first_picture(after)
        if gop is None:
            yield EdgeReached(start.at)
            return None
        yield EdgeReached(gop.end)
        return gop, last_picture(gop)
    if gop is None:
        after = yield from _read(ReadAfter(start.at))
        yield EdgeReached(start.at if after is None else after.start)
        return None if after is None else (after, first_picture(after))
    if gop.end <= start.at and not gop.growing:
        return gop, last_picture(gop)
    shown = picture_at(gop, start.at)
    if earlier := [unit for unit in gop.units if unit.utc_us < shown.utc_us]:
        return gop, max(earlier, key=_utc)
    before = yield from _read(ReadBefore(gop.start))
    if before is None:
        yield EdgeReached(gop.start)
        return gop, shown
    if gop.start - before.end > LEAST_GAP_US:
        yield GapFound(before.end, gop.start)
    return before, last_picture(before)


def _on_from(gop: Gop, start: Start) -> Course:
    yield from (_backward(gop, start) if start.backward else _forward(gop, start))


def _forward(gop: Gop, start: Start) -> Course:
    """Everything after `gop`, which was sent as far as it was written; what is recorded later as well."""
    at_edge = False
    while True:
        yield Running()
        while gop.growing:
            if not at_edge:
                at_edge = True
                yield EdgeReached(gop.end)
            yield MoreLater()
            again = yield from _read(ReadAt(gop.start))
            if again is None or again.start != gop.start:
                break  # deleted meanwhile
            if not start.keyframes_only and (rest := again.units[len(gop.units) :]):
                yield SendUnits(again.config, _flagged(rest, closed=not again.growing))
                yield Running()
            gop = again
        following = yield from _read(ReadAfter(gop.start))
        while following is None:
            if not at_edge:
                at_edge = True
                yield EdgeReached(gop.end)
            yield MoreLater()
            following = yield from _read(ReadAfter(gop.start))
        gap = following.start - gop.end > LEAST_GAP_US
        if gap:
            yield GapFound(gop.end, following.start)
        yield Due(following.start)
        yield _sending(following, start, broken=gap)
        gop = following


def _backward(gop: Gop, start: Start) -> Course:
    """Everything before `gop`, newest GOP first."""
    while True:
        yield Running()
        before = yield from _read(ReadBefore(gop.start))
        if before is None:
            yield EdgeReached(gop.start)
            return
        gap = gop.start - before.end > LEAST_GAP_US
        if gap:
            yield GapFound(before.end, gop.start)
        yield Due(before.end)
        yield _sending(before, start, broken=gap)
        gop = before


def _sending(gop: Gop, start: Start, target: AccessUnit | None = None, broken: bool = False) -> SendUnits:
    """Send a GOP; with `target`, as the first after a seek or step that asked for that picture."""
    units: Sequence[AccessUnit] = gop.units
    if start.keyframes_only:
        units = gop.units[:1]
        target = None if target is None else units[0]
    elif target is not None and not start.backward and not start.sound:
        units = _from_keyframe(units, target)
    flagged = _flagged(units, closed=start.backward or start.keyframes_only or not gop.growing)
    if broken or target is not None:
        flagged[0] = (flagged[0][0], flagged[0][1] | RecordFlags.DISCONTINUITY)
    if target is not None:
        flagged = [(unit, flags | _place(unit, target, start)) for unit, flags in flagged]
    return SendUnits(gop.config, flagged)


def _from_keyframe(units: Sequence[AccessUnit], target: AccessUnit) -> Sequence[AccessUnit]:
    """Leave out what is not needed to decode `target`: a block of MJPEG has a keyframe in every picture."""
    at = units.index(target)
    return units[max((n for n in range(at + 1) if units[n].keyframe), default=0) :]


def _flagged(units: Sequence[AccessUnit], closed: bool) -> list[tuple[AccessUnit, int]]:
    """Each unit with the flags that it has wherever it is sent; `closed`: the last one ends its GOP."""
    flagged: list[tuple[AccessUnit, int]] = []
    for unit in units:
        flags = int(RecordFlags.RECORDED)
        if unit.keyframe:
            flags |= RecordFlags.KEYFRAME
        if unit.disposable:
            flags |= RecordFlags.DISPOSABLE
        flagged.append((unit, flags))
    if closed and flagged:
        flagged[-1] = (flagged[-1][0], flagged[-1][1] | RecordFlags.END_OF_GOP)
    return flagged


def _place(unit: AccessUnit, target: AccessUnit, start: Start) -> int:
    """The flags that say how a unit of the first GOP stands to the one that was asked for."""
    if unit is target:
        return 0 if start.sound else int(RecordFlags.TARGET)
    hidden = unit.utc_us > target.utc_us if start.backward else unit.utc_us < target.utc_us
    return int(RecordFlags.PREROLL) if hidden else 0


def _utc(unit: AccessUnit) -> UtcUs:
    return unit.utc_us


def picture_at(gop: Gop, at: UtcUs) -> AccessUnit:
    """The unit on show at `at`: the last in presentation order that is not later, else the first."""
    shown = [unit for unit in gop.units if unit.utc_us <= at]
    return max(shown, key=_utc) if shown else first_picture(gop)


def first_picture(gop: Gop) -> AccessUnit:
    return min(gop.units, key=_utc)


def last_picture(gop: Gop) -> AccessUnit:
    return max(gop.units, key=_utc)
