"""The newest events of the site, numbered, and the state that everything is in.

Sessions keep only their place in it, so that a slow client costs nobody anything. Belongs to the event loop.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from common.api.site_events import EventBatch, SiteEvent
from common.foundation.catalog import text
from common.foundation.clock import Clock
from common.model.event_ids import (
    COMMUNICATION,
    COMMUNICATION_STARTED,
    COMMUNICATION_STOPPED,
    HARDWARE_COMMUNICATION_STARTED,
    HARDWARE_COMMUNICATION_STOPPED,
    RECORDER_OFFLINE,
    RECORDER_ONLINE,
    RECORDING_STARTED,
    RECORDING_STOPPED,
)
from server.management.database.store import ItemChange

MOST_EVENTS = 20_000  # a client further behind asks for the states
WATCH_RECORDERS_S = 1.0
_ENDS_WITH_RECORDER = {
    COMMUNICATION_STARTED: COMMUNICATION_STOPPED,
    HARDWARE_COMMUNICATION_STARTED: HARDWARE_COMMUNICATION_STOPPED,
    RECORDING_STARTED: RECORDING_STOPPED,
}
"""States that nobody can vouch for when a recorder is not heard of any more, and what is said instead."""


@dataclass(slots=True)
class _Teller:
    """What a recorder has said: since which start of it, up to which event, about what."""

    epoch: str
    next: int
    states: set[tuple[str, str]] = field(default_factory=set)


class EventJournal:
    """`add` is for everything that happens here; `take` for what recorders tell."""

    def __init__(self, clock: Clock, most: int = MOST_EVENTS) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._events: deque[SiteEvent] = deque(maxlen=most)
        self._numbers: dict[str, int] = {}  # of events by id
        self._states: dict[tuple[str, str], SiteEvent] = {}  # by source and state group
        self._tellers: dict[str, _Teller] = {}
        self._next = asyncio.Event()
        self.last = 0

    # what happens

    def take(self, recorder: str, batch: EventBatch, own: Collection[str]) -> bool:
        """Take what a recorder tells of its `own` items, each event once; return whether it has to tell all states."""
        teller = self._tellers.get(recorder)
        whole = teller is None or teller.epoch != batch.epoch
        if teller is None or whole:
            teller = self._tellers[recorder] = _Teller(batch.epoch, batch.number)
        for state in batch.states:
            if state.source_id in own:
                self._restate(teller, state)
        new = [each for each in batch.events[max(0, teller.next - batch.number) :] if each.source_id in own]
        teller.next = max(teller.next, batch.number + len(batch.events))
        for event in new:
            self._note(teller, event)
        self.add(new)
        return whole

    def _restate(self, teller: _Teller, state: SiteEvent) -> None:
        """A state as it is: an event only where another one was known."""
        before = self._states.get((state.source_id, state.state_group or ""))
        if before is not None and before.type != state.type:
            self.add((state,))
        self._note(teller, state)

    def _note(self, teller: _Teller, event: SiteEvent) -> None:
        if event.state_group is not None:
            key = event.source_id, event.state_group
            teller.states.add(key)
            self._states[key] = event

    def add(self, events: Iterable[SiteEvent]) -> None:
        """Tell everybody."""
        told = False
        for event in events:
            if len(self._events) == self._events.maxlen:
                self._numbers.pop(self._events[0].id, None)
            self.last += 1
            self._events.append(event)
            self._numbers[event.id] = self.last
            if event.state_group is not None:
                self._states[event.source_id, event.state_group] = event
            told = True
        if told:
            woken, self._next = self._next, asyncio.Event()
            woken.set()

    def forget(self, changes: Sequence[ItemChange]) -> None:
        """Items were deleted: they are in no state any more. From any thread."""
        gone = {change.id for change in changes if change.change == "deleted"}
        if gone:
            self._loop.call_soon_threadsafe(self._forget, gone)

    def _forget(self, gone: set[str]) -> None:
        for key in [key for key in self._states if key[0] in gone]:
            del self._states[key]
        for recorder in gone & self._tellers.keys():
            for key in self._tellers.pop(recorder).states:
                self._states.pop(key, None)

    async def watch_recorders(self, online: Callable[[], frozenset[str]]) -> NoReturn:
        """Note which recorders come and go, until cancelled. States that one told end with it."""
        before: frozenset[str] = frozenset()
        while True:
            now = online()
            for recorder in sorted(now - before):
                self.add((self._of_recorder(recorder, RECORDER_ONLINE),))
            for recorder in sorted(before - now):
                reason = text("events.recorder_offline")
                self.add((self._of_recorder(recorder, RECORDER_OFFLINE, reason), *self._ended(recorder, reason)))
            before = now
            await asyncio.sleep(WATCH_RECORDERS_S)

    def _of_recorder(self, recorder: str, kind: str, reason: str = "") -> SiteEvent:
        return SiteEvent(
            id=str(uuid.uuid4()),
            source="recordingServers",
            source_id=recorder,
            type=kind,
            at_us=self._clock.now_us(),
            state_group=COMMUNICATION,
            reason=reason,
        )

    def _ended(self, recorder: str, reason: str) -> list[SiteEvent]:
        teller = self._tellers.pop(recorder, None)
        if teller is None:
            return []
        known = [self._states[key] for key in sorted(teller.states) if key in self._states]
        return [
            state.model_copy(
                update={
                    "id": str(uuid.uuid4()),
                    "type": _ENDS_WITH_RECORDER[state.type],
                    "at_us": self._clock.now_us(),
                    "reason": reason,
                }
            )
            for state in known
            if state.type in _ENDS_WITH_RECORDER
        ]

    # what is known

    def after(self, number: int, most: int) -> list[SiteEvent] | None:
        """Return what came behind a number, oldest first, at most so many; None when some is not known any more."""
        first = self.last - len(self._events)
        if not first <= number <= self.last:
            return None
        start = number - first
        return [self._events[at] for at in range(start, min(len(self._events), start + most))]

    def number_of(self, event: str) -> int | None:
        """Return an event's number; None when it is not known (any more)."""
        return self._numbers.get(event)

    def states(self) -> list[SiteEvent]:
        """Return the events that led to the states that things are in."""
        return list(self._states.values())

    def next(self) -> asyncio.Event:
        """Return what the next event sets. Ask before looking, so that none is missed."""
        return self._next
