"""Notes, beside the event loop, why something is not recorded: opened when a cause begins, closed when it is over.

Nothing here waits for a disk but one thread. What waits for it is bounded: there is at most one open entry for each
device, track and reason, and causes that come back within a minute, or that cannot be written, are joined into one.
Joining is safe: where something was recorded in between, the recording counts and not the ledger.
"""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from common.foundation.clock import US_PER_S, Clock
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from server.recording.ledger.reasons import ASSIGNED, SET_BACK
from server.recording.ledger.store import EVERY_TRACK, OPEN, Ended, Entry, LedgerFile, Life

log = logging.getLogger(__name__)

BEAT_S = 2.0
JOIN_US = 60 * US_PER_S
STEP_US = US_PER_S  # a clock that goes wrong by more than this between two beats was set
_MOST_CLOSED = 10_000  # entries that wait for a disk; more are joined by device and reason
_GATHER_S = 0.2  # so that what happens together is written together
_PRUNE_EVERY_S = 3600.0
_LEAST_KEPT_US = 31 * 86_400 * US_PER_S
_US_PER_MINUTE = 60 * US_PER_S

_Key = tuple[DeviceId, TrackName, str]


class LedgerKeeper:
    """The ledger of one engine, between `start` and `stop`.

    `open`, `close_` and `beat` may be called from any thread and return at once.
    """

    def __init__(self, data: Path, clock: Clock) -> None:
        self._file = LedgerFile(data, writable=True)
        self._clock = clock
        self._lock = threading.Lock()
        now = clock.now_us()
        self._life = Life(os.getpid(), now, now)
        self._beat_us, self._beat_at_s = int(now), clock.monotonic_s()
        self._open: dict[_Key, Entry] = {}
        self._recent: dict[_Key, Entry] = {}
        self._changed: dict[int, Entry] = {}  # by identity, in order
        self._lives: dict[int, Life] = {id(self._life): self._life}
        self._work = threading.Event()
        self._stop = threading.Event()
        self._begun = False
        self._failing = False
        self._keep_us = _LEAST_KEPT_US
        self._prune_at_s = 0.0
        self.joined = 0  # entries that were joined because the disk did not take them
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._work.set()

    def stop(self) -> None:
        """Write what is left, if the disk takes it, and end the thread. Blocks."""
        self._stop.set()
        self._work.set()
        self._thread.join()
        self._file.close()

    def end(self) -> None:
        """The engine is being stopped on purpose: what is missing from now on is maintenance."""
        with self._lock:
            if self._life.ended is Ended.NOT_SAID:
                self._life.alive_us = max(self._life.alive_us, self._clock.now_us())
                self._life.ended = Ended.ORDERLY
                self._lives[id(self._life)] = self._life
        self._work.set()

    def set_retention(self, retain_minutes: int) -> None:
        """Remember as long as recordings are kept, and a month at least."""
        self._keep_us = max(_LEAST_KEPT_US, retain_minutes * _US_PER_MINUTE + 86_400 * US_PER_S)

    def open(self, device: DeviceId, reason: str, detail: str = "", track: TrackName = EVERY_TRACK) -> None:
        """From now on this holds, until it is closed. A detail that changes begins a new entry."""
        key = (device, track, reason)
        with self._lock:
            now = self._clock.now_us()
            known = self._open.get(key)
            if known is not None:
                if known.detail == detail:
                    return
                self._close(key, now)
            recent = self._recent.pop(key, None)
            if (
                recent is not None
                and recent.detail == detail
                and recent.life is self._life
                and 0 <= now - recent.to_us < JOIN_US
            ):
                recent.to_us = OPEN
                entry = recent
            else:
                entry = Entry(self._life, device, track, reason, detail, now)
            self._open[key] = entry
            self._note(entry)
        self._work.set()

    def close_(self, device: DeviceId, reasons: Collection[str] | None = None, track: TrackName | None = None) -> None:
        """This holds no longer: these reasons (all), of this track (all)."""
        with self._lock:
            keys = [
                key
                for key in self._open
                if key[0] == device and (reasons is None or key[2] in reasons) and (track is None or key[1] == track)
            ]
            for key in keys:
                self._close(key, self._clock.now_us())
        if keys:
            self._work.set()

    def opened(self, reason: str) -> list[DeviceId]:
        """The devices for which this holds."""
        with self._lock:
            return [device for device, _, held in self._open if held == reason]

    def _close(self, key: _Key, now: int) -> None:
        entry = self._open.pop(key)
        entry.to_us = max(entry.from_us, now)
        self._recent[key] = entry
        self._note(entry)

    def _note(self, entry: Entry) -> None:
        self._changed[id(entry)] = entry
        noted_us = entry.from_us if entry.to_us == OPEN else entry.to_us
        if entry.reason != SET_BACK and self._life.alive_us < noted_us < self._beat_us + int(
            2 * BEAT_S * US_PER_S
        ):  # and no clock was set between
            self._life.alive_us = noted_us
            self._lives[id(self._life)] = self._life
        if len(self._changed) - len(self._open) > _MOST_CLOSED:
            self._join_closed()

    def _join_closed(self) -> None:
        """The disk takes nothing: let one entry stand for all of a device, track and reason."""
        by_key: dict[tuple[_Key, int], Entry] = {}
        kept: dict[int, Entry] = {}
        for entry in self._changed.values():
            if entry.to_us == OPEN or entry.id:
                kept[id(entry)] = entry
                continue
            key = ((entry.device, entry.track, entry.reason), id(entry.life))
            first = by_key.setdefault(key, entry)
            if first is not entry:
                first.to_us = max(first.to_us, entry.to_us)
                self.joined += 1
            kept[id(first)] = first
        self._changed = kept

    def beat(self) -> None:
        """Say that the engine's event loop turns; a clock that was set since the last time begins another life."""
        with self._lock:
            now, at_s = self._clock.now_us(), self._clock.monotonic_s()
            expected = self._beat_us + int((at_s - self._beat_at_s) * US_PER_S)
            if abs(now - expected) > STEP_US:
                self._live_on(now)
            self._beat_us, self._beat_at_s = now, at_s
            self._life.alive_us = now
            self._lives[id(self._life)] = self._life
        self._work.set()

    def _live_on(self, now: int) -> None:
        """End this life where its clock last was right, and go on with everything that is open in a new one."""
        log.warning("clock was set", extra={"from_us": self._beat_us, "to_us": now})
        before = self._life
        before.ended = Ended.CLOCK
        self._lives[id(before)] = before
        self._life = Life(before.pid, now, now)
        self._recent.clear()
        if now < self._beat_us:
            for device in {device for device, _, reason in self._open if reason == ASSIGNED}:
                self._note(Entry(self._life, device, EVERY_TRACK, SET_BACK, "", now, self._beat_us))
        for key, entry in self._open.items():
            again = replace(entry, life=self._life, from_us=now, to_us=OPEN, id=0)
            self._open[key] = again
            self._note(again)

    # the thread

    def _run(self) -> None:
        while True:
            self._work.wait(BEAT_S)
            stopping = self._stop.is_set()
            if not stopping:
                self._stop.wait(_GATHER_S)
            self._work.clear()
            try:
                self.write_now()
                self._failing = False
            except StorageError as error:
                if not self._failing:
                    log.error("ledger not written", extra={"path": str(self._file.path), "reason": str(error)})
                self._failing = True
            except Exception:  # supervisor of the thread: a bug here must not end the ledger for good
                log.exception("ledger not written")
            if stopping:
                return

    def write_now(self) -> None:
        """Write what waits. Raises StorageError. Called by the thread, or instead of it."""
        if not self._begun:
            self._file.begin(self._life.from_us)
            self._file.settle_the_dead(self._clock.now_us(), os.getpid())
            self._begun = True
        with self._lock:
            lives, entries = list(self._lives.values()), list(self._changed.values())
            written_lives = [replace(life) for life in lives]
            copies = {id(life): copy for life, copy in zip(lives, written_lives, strict=True)}
            written = [replace(entry, life=copies.get(id(entry.life), entry.life)) for entry in entries]
            self._lives.clear()
            self._changed.clear()
        try:
            self._file.write(written_lives, written)
        except BaseException:
            self._put_back(lives, entries)
            raise
        with self._lock:
            for life, copy in zip(lives, written_lives, strict=True):
                life.id = copy.id
            for entry, copy_of in zip(entries, written, strict=True):
                entry.id = copy_of.id
        if self._clock.monotonic_s() >= self._prune_at_s:
            self._prune_at_s = self._clock.monotonic_s() + _PRUNE_EVERY_S
            self._file.prune(self._clock.now_us() - self._keep_us)

    def _put_back(self, lives: Iterable[Life], entries: Iterable[Entry]) -> None:
        with self._lock:
            self._lives = {id(life): life for life in lives} | self._lives
            self._changed = {id(entry): entry for entry in entries} | self._changed
            if len(self._changed) - len(self._open) > _MOST_CLOSED:
                self._join_closed()


@asynccontextmanager
async def keeping(keeper: LedgerKeeper) -> AsyncIterator[None]:
    """Keep the ledger until left, also while what is used inside is being closed."""
    keeper.start()
    try:
        yield
    finally:
        await asyncio.to_thread(keeper.stop)
