"""Joins what is recorded with what the ledger says: every instant that is not recorded gets its reason. Pure.

What cannot be missing is not told: the future, and the newest seconds of a track that is being recorded.

A stretch that no entry covers is one of four things. The edges of a gap (pictures until the next keyframe, seconds
that were not yet on disk) belong to what caused the rest of it. What waited for a disk belongs to the failure that was
noted next. A short one by itself is a device that did not send, or whose packets were lost, for less time than it takes
to call it lost. Anything longer was recorded, as nothing kept it from being so, and was deleted or became unreadable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.foundation.catalog import text
from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import TrackName
from server.recording.ledger.reasons import ASSIGNED, CONNECTING, SET_BACK, Gap, Reason, rank
from server.recording.ledger.store import EVERY_TRACK, Ended, Facts, Found
from server.recording.mediadb.contract import Span

EDGE_US = 60 * US_PER_S
LIVE_EDGE_US = 5 * US_PER_S
LATE_US = 15 * US_PER_S
"""A disk's failure is noted when the writing fails, and costs pictures that had been waiting for it until then."""
_DISK = frozenset({Reason.DISK_FULL, Reason.DISK_FAILED, Reason.DISK_SLOW})
_REMAINDER = "remainder"  # nothing kept it from being recorded
_DOWN = {
    Ended.NOT_SAID: (Reason.RECORDER_DOWN, "ledger.recorder_down"),
    Ended.ORDERLY: (Reason.MAINTENANCE, "ledger.maintenance"),
    Ended.CLOCK: (Reason.CLOCK, "ledger.clock_set"),
}


@dataclass(frozen=True, slots=True)
class Noted:
    """What the ledger says of a device around a span. `facts` None: there is no ledger."""

    entries: Sequence[Found]
    facts: Facts | None
    now_us: int


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    reason: str
    detail: str


def explain_gaps(
    track: TrackName, span: Span, recorded: Sequence[Span], noted: Noted, kept_from: int | None = None
) -> list[Gap]:
    """Return the gaps of `span` until now or the newest recording; beside `recorded` they cover all of it.

    `recorded`: sorted, not overlapping. `kept_from`: the oldest recorded instant of the track.
    """
    end = min(span.end, max(noted.now_us, recorded[-1].end if recorded else 0))  # a clock set back: see the timeline
    causes = _Causes([entry for entry in noted.entries if entry.track in (EVERY_TRACK, track)], noted.facts)
    gaps: list[Gap] = []
    for start, stop in _missing(span.start, end, recorded):
        pieces = causes.cut(start, stop)
        last = pieces[-1]
        if stop == noted.now_us and last.reason == _REMAINDER and last.end - last.start <= LIVE_EDGE_US:
            pieces.pop()
        gaps += _told(pieces, causes, kept_from)
    return gaps


def _missing(start: int, end: int, recorded: Sequence[Span]) -> list[tuple[int, int]]:
    missing: list[tuple[int, int]] = []
    at = start
    for span in recorded:
        if span.start >= end:
            break
        if span.start > at:
            missing.append((at, span.start))
        at = max(at, span.end)
    if at < end:
        missing.append((at, end))
    return missing


class _Causes:
    """The causes of a track as a line of pieces, worked out once, cut for each gap."""

    def __init__(self, entries: Sequence[Found], facts: Facts | None) -> None:
        self._facts = facts
        self._holding = [e for e in entries if e.reason == ASSIGNED]  # in the order in which it was noted
        self._causes = sorted((e for e in entries if e.reason != ASSIGNED), key=lambda e: e.from_us)
        self._next = 0
        self._active: list[Found] = []
        self._holes = self._find_holes()
        self._hole = 0

    def _find_holes(self) -> list[_Piece]:
        """Where the device belonged to no living engine, and why; in order, the first and the last without end.

        A life that begins after the clock was set back covers nothing a second time: tracks go on where they were.
        """
        if self._facts is None:
            return [_Piece(-(1 << 62), 1 << 62, Reason.POLICY, text("ledger.not_begun"))]
        horizon, begun = self._facts.horizon_us, self._facts.begun_us
        never = (Reason.POLICY, text("ledger.not_configured"))
        holes = [_Piece(-(1 << 62), begun, Reason.POLICY, text("ledger.not_begun"))] if horizon < begun else []
        if horizon >= begun:
            holes.append(_Piece(-(1 << 62), horizon, Reason.DELETED, text("ledger.forgotten")))
        at, why = max(begun, horizon), never
        for held in self._holding:
            if held.from_us > at:
                holes.append(_Piece(at, held.from_us, *why))
            if held.to_us >= at:
                at = held.to_us
                why = never
                if held.ended is not None:
                    reason, key = _DOWN[held.ended]
                    why = (reason, text(key))
        holes.append(_Piece(at, 1 << 62, *why))
        return holes

    def cut(self, start: int, end: int) -> list[_Piece]:
        """The pieces of `start <= t < end`, a later gap than the one before."""
        while self._hole < len(self._holes) - 1 and self._holes[self._hole].end <= start:
            self._hole += 1
        while self._next < len(self._causes) and self._causes[self._next].from_us - LATE_US < end:
            self._active.append(self._causes[self._next])
            self._next += 1
        self._active = [cause for cause in self._active if cause.to_us > start]
        holes = []
        for hole in self._holes[self._hole :]:
            if hole.start >= end:
                break
            holes.append(hole)
        marks = {start, end}
        for cause in self._active:
            marks |= {cause.from_us, cause.to_us}
        for hole in holes:
            marks |= {hole.start, hole.end}
        pieces: list[_Piece] = []
        times = sorted(at for at in marks if start <= at <= end)
        for low, high in pairwise(times):
            reason, detail = self._at(low, holes)
            if pieces and (pieces[-1].reason, pieces[-1].detail) == (reason, detail):
                pieces[-1] = _Piece(pieces[-1].start, high, reason, detail)
            else:
                pieces.append(_Piece(low, high, reason, detail))
        return pieces

    def _at(self, at: int, holes: list[_Piece]) -> tuple[str, str]:
        causes = [cause for cause in self._active if cause.from_us <= at < cause.to_us]
        set_back = [cause for cause in causes if cause.reason == SET_BACK]
        causes = [cause for cause in causes if cause.reason != SET_BACK]
        if causes:
            told = min(causes, key=lambda cause: rank(cause.reason))
            return told.reason, told.detail
        for hole in holes:
            if hole.start <= at < hole.end:
                return hole.reason, hole.detail
        return (Reason.CLOCK, text("ledger.clock_back")) if set_back else (_REMAINDER, "")

    def noted_after(self, start: int, end: int) -> Found | None:
        """The failure of a disk that cost what lies in `start <= t < end`, the newest gap that was cut."""
        return next((c for c in self._active if c.reason in _DISK and start <= c.from_us <= end + LATE_US), None)


def _told(pieces: Sequence[_Piece], causes: _Causes, kept_from: int | None) -> list[Gap]:
    """Settle what only its neighbours explain: the first connection after a start, and what no entry covers."""
    gaps: list[Gap] = []
    for number, piece in enumerate(pieces):
        reason, detail = piece.reason, piece.detail
        short = piece.end - piece.start <= EDGE_US
        if reason == CONNECTING or (reason == _REMAINDER and short):
            before = gaps[-1] if gaps else None
            after = next((p for p in pieces[number + 1 :] if p.reason not in (CONNECTING, _REMAINDER)), None)
            neighbour = before or (after if reason == _REMAINDER else None)
            if neighbour is not None and neighbour.reason != Reason.DELETED:
                reason, detail = neighbour.reason, neighbour.detail
            elif reason == CONNECTING:
                reason, detail = Reason.MAINTENANCE, text("ledger.connecting")
        if reason == _REMAINDER:
            if kept_from is not None and piece.end <= kept_from:
                reason, detail = Reason.DELETED, text("ledger.retention")
            elif short and (failed := causes.noted_after(piece.start, piece.end)) is not None:
                reason, detail = failed.reason, failed.detail
            elif short:
                reason, detail = Reason.NETWORK, text("ledger.no_pictures")
            else:
                reason, detail = Reason.DELETED, text("ledger.gone")
        if gaps and (gaps[-1].reason, gaps[-1].detail) == (reason, detail):
            gaps[-1] = Gap(gaps[-1].start, UtcUs(piece.end), gaps[-1].reason, detail)
        else:
            gaps.append(Gap(UtcUs(piece.start), UtcUs(piece.end), Reason(reason), detail))
    return gaps
