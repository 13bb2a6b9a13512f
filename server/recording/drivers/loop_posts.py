"""Carries units from a driver's thread to the sink on the event loop, with a bound on what waits in between."""

import asyncio
import threading
from collections.abc import Sequence

from server.recording.drivers.contract import DeviceSink, DeviceTrack, RawUnit

IndexedUnit = tuple[int, RawUnit]


class LoopPosts:
    """At most `most_waiting` units wait for a loop that is behind; more are dropped up to the next keyframe."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: DeviceSink, most_waiting: int) -> None:
        self._loop = loop
        self._sink = sink
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._waiting: list[IndexedUnit | tuple[DeviceTrack, ...]] = []
        self._closed = False
        self._broken: set[int] = set()  # tracks that lost a unit and need a keyframe
        self.dropped = 0

    def overflowed(self) -> bool:
        """Whether a track waits for a keyframe because units were dropped. Called in the driver's thread."""
        return bool(self._broken)

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """Post a new list of tracks, in force for the units posted after it."""
        self._post([tuple(tracks)])

    def units(self, units: Sequence[IndexedUnit]) -> None:
        """Post units; drops them when the loop is too far behind."""
        kept: list[IndexedUnit | tuple[DeviceTrack, ...]] = []
        full = len(self._waiting) + len(units) > self._most_waiting
        for index, unit in units:
            if full or (index in self._broken and not unit.keyframe):
                self._broken.add(index)
                self.dropped += 1
                continue
            self._broken.discard(index)
            kept.append((index, unit))
        self._post(kept)

    def close(self) -> None:
        """Deliver nothing from now on. Called on the event loop."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _post(self, items: Sequence[IndexedUnit | tuple[DeviceTrack, ...]]) -> None:
        if not items:
            return
        with self._lock:
            if self._closed or self._loop.is_closed():
                return
            wake = not self._waiting
            self._waiting.extend(items)
        if wake:
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        for item in batch:
            if self._closed:
                return
            if len(item) == 2 and isinstance(item[0], int):
                self._sink.unit(item[0], item[1])
            else:
                self._sink.tracks(item)
