"""The state that each device, piece of hardware and the recorder itself is in, and what has happened since it was told.

Engines say what they see as loosely typed lines, more than once where it helps them; here that becomes events of the
site, each once. Bounded: of events that management could not be told for long the oldest go, and all states are told
again instead. Used on the gateway's event loop.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from common.api.recorder_configuration import RecorderConfiguration
from common.api.site_events import MOST_EVENTS, EventBatch, SiteEvent, Source
from common.foundation.clock import Clock, UtcUs
from common.foundation.ids import DeviceId, new_id
from common.model.event_ids import (
    COMMUNICATION,
    COMMUNICATION_ERROR,
    COMMUNICATION_STARTED,
    COMMUNICATION_STOPPED,
    DATABASE_DISK_FULL,
    DISK_AVAILABLE,
    DISK_UNAVAILABLE,
    FEED,
    FEED_OVERFLOW_STARTED,
    FEED_OVERFLOW_STOPPED,
    HARDWARE_COMMUNICATION_ERROR,
    HARDWARE_COMMUNICATION_STARTED,
    HARDWARE_COMMUNICATION_STOPPED,
    RECORDING,
    RECORDING_STARTED,
    RECORDING_STOPPED,
    STORAGE,
)

MOST_UNTOLD = 10_000
Item = tuple[Source, str]  # kind and id
_MOST_REASON = 500
_OF_DEVICE = {"live": COMMUNICATION_STARTED, "lost": COMMUNICATION_ERROR, "stopped": COMMUNICATION_STOPPED}
_OF_HARDWARE = {
    "live": HARDWARE_COMMUNICATION_STARTED,
    "lost": HARDWARE_COMMUNICATION_ERROR,
    "stopped": HARDWARE_COMMUNICATION_STOPPED,
}


@dataclass(frozen=True, slots=True)
class _Place:
    """What a device is called on the site. `hardware`: its hardware's id, of cameras only, whose state is its too."""

    source: Source
    recorded: bool
    hardware: str = ""


class EventBoard:
    """`happened` is set when there is something to tell."""

    def __init__(self, clock: Clock, most: int = MOST_UNTOLD) -> None:
        self._clock = clock
        self._epoch = new_id()
        self._recorder = ""
        self._places: Mapping[DeviceId, _Place] = {}
        self._live: set[DeviceId] = set()
        self._failing: set[str] = set()  # paths of storages that cannot be written
        self._states: dict[tuple[str, str], SiteEvent] = {}  # by source and state group
        self._untold: deque[SiteEvent] = deque(maxlen=most)
        self._number = 0  # of the first untold event
        self._again: dict[tuple[str, str], None] = {}  # states to tell once more, in their order
        self.happened = asyncio.Event()

    # what is so

    def follow(self, configuration: RecorderConfiguration, by_hand: Collection[DeviceId]) -> None:
        """These are the devices from now on; `by_hand` is recorded besides those that always are."""
        self._recorder = configuration.recorder
        self._places = dict(_placed(configuration, by_hand))
        known = {*self._places, *(each.hardware for each in self._places.values()), self._recorder}
        for gone in [key for key in self._states if key[0] not in known]:
            del self._states[gone]
            self._again.pop(gone, None)
        self._live &= self._places.keys()
        for device in self._places:
            self._judge_recording(device, self._clock.now_us())

    def engine_said(self, event: Mapping[str, object]) -> None:
        """Take one of an engine's events (`server.recording.engine.events`); those of no state are ignored."""
        match event.get("event"):
            case "device_state":
                self._device(DeviceId(str(event.get("device"))), event)
            case "overflow":
                self._overflow(DeviceId(str(event.get("device"))), over=bool(event.get("over")))
            case "storage_error":
                self._storage_failed(str(event.get("path")), event)
            case "storage_recovered":
                self._storage_recovered(str(event.get("path")))

    def _device(self, device: DeviceId, event: Mapping[str, object]) -> None:
        place, state = self._places.get(device), str(event.get("state"))
        if place is None or state not in _OF_DEVICE:  # "connecting": nothing is known yet
            return
        since, reason = event.get("since"), str(event.get("reason", ""))
        at_us = UtcUs(since) if isinstance(since, int) else self._clock.now_us()
        self._state((place.source, device), _OF_DEVICE[state], COMMUNICATION, at_us, reason)
        if place.hardware:
            self._state(("hardware", place.hardware), _OF_HARDWARE[state], COMMUNICATION, at_us, reason)
        if state == "live":
            self._live.add(device)
        else:
            self._live.discard(device)
        self._judge_recording(device, at_us)

    def _judge_recording(self, device: DeviceId, at_us: UtcUs) -> None:
        place = self._places[device]
        recorded = place.recorded and device in self._live
        known = self._states.get((device, RECORDING))
        if recorded or known is not None:
            self._state((place.source, device), RECORDING_STARTED if recorded else RECORDING_STOPPED, RECORDING, at_us)

    def _overflow(self, device: DeviceId, *, over: bool) -> None:
        place = self._places.get(device)
        if place is not None:
            kind = FEED_OVERFLOW_STOPPED if over else FEED_OVERFLOW_STARTED
            self._state((place.source, device), kind, FEED, self._clock.now_us())

    def _storage_failed(self, path: str, event: Mapping[str, object]) -> None:
        now_us, reason = self._clock.now_us(), f"{path}: {event.get('reason', '')}"
        if event.get("disk_full") and path not in self._failing:
            self._add(self._made(("recordingServers", self._recorder), DATABASE_DISK_FULL, None, now_us, reason))
        self._failing.add(path)
        self._state(("recordingServers", self._recorder), DISK_UNAVAILABLE, STORAGE, now_us, reason)

    def _storage_recovered(self, path: str) -> None:
        self._failing.discard(path)
        if not self._failing:
            self._state(("recordingServers", self._recorder), DISK_AVAILABLE, STORAGE, self._clock.now_us())

    def _state(self, item: Item, kind: str, group: str, at_us: UtcUs, reason: str = "") -> None:
        identifier = item[1]
        before = self._states.get((identifier, group))
        if before is None or (before.type, before.reason) != (kind, reason[:_MOST_REASON]):
            event = self._made(item, kind, group, at_us, reason)
            self._states[identifier, group] = event
            if before is None or before.type != kind:
                self._add(event)
            else:  # the same state for another reason: worth knowing, but nothing has happened
                self._again[identifier, group] = None
                self.happened.set()

    @staticmethod
    def _made(item: Item, kind: str, group: str | None, at_us: UtcUs, reason: str) -> SiteEvent:
        return SiteEvent(
            id=str(uuid.uuid4()),
            source=item[0],
            source_id=item[1],
            type=kind,
            at_us=max(0, at_us),
            state_group=group,
            reason=reason[:_MOST_REASON],
        )

    def _add(self, event: SiteEvent) -> None:
        if len(self._untold) == self._untold.maxlen:
            self._number += 1
            self.tell_all()
        self._untold.append(event)
        self.happened.set()

    # what is told

    def tell_all(self) -> None:
        """Management does not know our states (any more)."""
        self._again = dict.fromkeys(self._states)
        self.happened.set()

    def batch(self) -> EventBatch:
        """Return what to tell next, oldest first; the same again until it is `told`."""
        self.happened.clear()
        events = tuple(islice(self._untold, MOST_EVENTS))
        states = () if len(self._untold) > MOST_EVENTS else tuple(self._restated())
        return EventBatch(epoch=self._epoch, number=self._number, events=events, states=states)

    def _restated(self) -> Iterator[SiteEvent]:
        return (self._states[key] for key in islice(self._again, MOST_EVENTS))

    def told(self, batch: EventBatch) -> None:
        """Management has it."""
        for _ in range(batch.number + len(batch.events) - self._number):
            self._untold.popleft()
            self._number += 1
        for state in batch.states:
            key = state.source_id, state.state_group or ""
            if self._states.get(key) is state:
                self._again.pop(key, None)
        if self._untold or self._again:
            self.happened.set()


def _placed(configuration: RecorderConfiguration, by_hand: Collection[DeviceId]) -> Iterator[tuple[DeviceId, _Place]]:
    for hardware in configuration.hardware:
        sources: tuple[Source, ...] = ("cameras", "microphones", "metadata")
        for source, device in zip(sources, (hardware.camera, hardware.microphone, hardware.metadata), strict=True):
            if device is not None:
                recorded = device.recording_enabled or device.id in by_hand
                yield device.id, _Place(source, recorded, hardware.id if source == "cameras" else "")
