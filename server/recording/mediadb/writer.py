"""The writing side of a storage: bounded threads beside the event loop that own the files being written."""

import asyncio
import contextlib
import errno
import logging
import os
import queue
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from common.foundation.clock import US_PER_S, Clock, UtcUs
from common.foundation.errors import StorageError
from server.recording.mediadb.chains import newest_chain
from server.recording.mediadb.cleaning import Cleaner
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.events import IndexFailed, OnEvent, StorageEvent, StorageFailed, StorageRecovered
from server.recording.mediadb.index import SealedSegment, SegmentIndex, ended_by
from server.recording.mediadb.layout import MARKER, StorageNotMounted, prepare_root
from server.recording.mediadb.locks import LockBook
from server.recording.mediadb.protecting import KeysMissing, Protector
from server.recording.mediadb.seals import ChainEnd, Signer
from server.recording.mediadb.segment_file import PendingFragment, Sealing, SegmentFile
from server.recording.mediadb.settings import Limits, WriterSettings
from server.recording.mediadb.space import DiskReserved, Room, free_bytes
from server.recording.mediadb.track import QueuedTrackWriter

log = logging.getLogger(__name__)

_TICK_S = 0.25  # how often a thread looks for files to sync
_MOST_INDEX_BACKLOG = 10_000
_MOST_NAMES = 16
_TRIAL_BYTES = 1 << 20
_SMALL_PREALLOCATION_BYTES = 256 << 10  # sound needs little


@dataclass(slots=True)
class _Sealed:
    """Seal the track's segment; then run `done`."""

    key: TrackKey
    done: Callable[[], object] | None = None


class _Storage:
    """What the writer threads of one root share: is it usable, what is queued, and the index."""

    def __init__(self, root: Path, settings: WriterSettings, on_event: OnEvent) -> None:
        self.root = root
        self.settings = settings
        self.index = SegmentIndex(root, writable=True)
        self._on_event = on_event
        self._lock = threading.Lock()
        self._id = settings.expected_storage_id
        self._prepared = False
        self._failing = False
        self._index_failing = False
        self._lost_units = 0
        self._index_backlog: list[SealedSegment] = []
        reserve_bytes = min(settings.reserve_bytes, settings.min_free_bytes)  # the ladder's lowest rung
        self.room = Room(root, reserve_bytes, max(settings.short_free_bytes, 2 * reserve_bytes))
        self.queued_bytes = 0
        self.signer: Signer | None = None  # set from another thread; each segment has one from beginning to end
        self.protector: Protector | KeysMissing | None = None  # the same
        self.segments_opened = 0

    @property
    def storage_id(self) -> str | None:
        """The id of the storage once it was seen."""
        return self._id if self._prepared else None

    def tell(self, event: StorageEvent) -> None:
        self._on_event(event)

    def prepare(self) -> None:
        """Make sure that the root is our storage, before any file is made in it; raise StorageError otherwise."""
        with self._lock:
            if not self._prepared:
                self._id = prepare_root(self.root, self._id)
                self._prepared = True
        if not (self.root / MARKER).exists():
            raise StorageNotMounted("the marker file is gone", path=str(self.root), marker=MARKER)

    def reserve(self, size_bytes: int) -> bool:
        with self._lock:
            if self.queued_bytes and self.queued_bytes + size_bytes > self.settings.queue_bytes:
                return False
            self.queued_bytes += size_bytes
            return True

    def release(self, size_bytes: int) -> None:
        with self._lock:
            self.queued_bytes -= size_bytes

    def failed(self, error: OSError | StorageError, lost_units: int) -> None:
        """Count what could not be stored; tell once when an outage begins."""
        with self._lock:
            self._lost_units += lost_units
            began, self._failing = not self._failing, True
        if began:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            full = isinstance(error, DiskReserved) or (
                isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            )
            log.error("storage failed", extra={"path": str(self.root), "reason": reason})
            self.tell(StorageFailed(str(self.root), reason, full))

    def worked(self) -> None:
        if not self._failing:
            return
        with self._lock:
            over, self._failing = self._failing, False
            lost, self._lost_units = self._lost_units, 0
        if over:
            log.warning("storage works again", extra={"path": str(self.root), "lost_units": lost})
            self.tell(StorageRecovered(str(self.root), lost))

    def tried(self) -> bool:
        """Write something and force it to disk; False when that fails."""
        trial = self.root / f".trial-{os.getpid()}"
        try:
            self.prepare()
            if not self.room.plenty:
                return False
            with trial.open("wb") as file:
                file.write(bytes(_TRIAL_BYTES))
                file.flush()
                os.fsync(file.fileno())
            trial.unlink()
        except (OSError, StorageError) as error:
            log.debug("storage tried in vain", extra={"path": str(self.root), "reason": str(error)})
            with contextlib.suppress(OSError):
                trial.unlink(missing_ok=True)
            return False
        self.worked()
        return True

    def record(self, sealed: SealedSegment | None, opened: tuple[TrackKey, UtcUs] | None) -> None:
        """Update the index; what it does not take now is offered again with the next update."""
        with self._lock:
            waiting = self._index_backlog
            self._index_backlog = []
        if sealed is not None:
            waiting.append(sealed)
        try:
            self.index.record(waiting, [] if opened is None else [opened])
        except StorageError as error:
            with self._lock:
                self._index_backlog = (waiting + self._index_backlog)[-_MOST_INDEX_BACKLOG:]
                began, self._index_failing = not self._index_failing, True
            if began:
                log.error("index failed", extra={"path": str(self.index.path), "reason": str(error)})
                self.tell(IndexFailed(str(self.index.path), str(error)))
        else:
            self._index_failing = False


class _WriterThread:
    """Owns the files of its share of the tracks."""

    def __init__(self, storage: _Storage, number: int) -> None:
        self.jobs: queue.SimpleQueue[tuple[TrackKey, PendingFragment] | _Sealed | None] = queue.SimpleQueue()
        self._storage = storage
        self._files: dict[TrackKey, SegmentFile] = {}
        self._newest: dict[TrackKey, SealedSegment] = {}  # of tracks without an open file
        self._chains: dict[TrackKey, ChainEnd | None] = {}  # of tracks that were written before
        self._cut_at: dict[TrackKey, int] = {}
        self._sync_due: dict[TrackKey, float] = {}
        self._next_tick = 0.0
        self._thread = threading.Thread(target=self._run, name=f"mediadb writer {number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=_TICK_S)
            except queue.Empty:
                self._tick()
                continue
            if job is None:
                break
            if isinstance(job, _Sealed):
                self._seal(job.key)
                if job.done is not None:
                    self._chains.pop(job.key, None)  # another process may go on with the track
                    job.done()
            else:
                self._store(*job)
            if time.monotonic() >= self._next_tick:
                self._tick()
        for key in list(self._files):
            self._seal(key)

    def _store(self, key: TrackKey, fragment: PendingFragment) -> None:
        try:
            self._append(key, fragment)
        except (OSError, StorageError) as error:
            self._storage.failed(error, len(fragment.units))
            self._seal(key)
        except Exception as error:
            log.error("fragment not written", extra={"device_id": key.device, "track": key.track}, exc_info=error)
            self._storage.failed(StorageError(str(error), path=str(self._storage.root)), len(fragment.units))
            self._seal(key)
        finally:
            self._storage.release(fragment.size_bytes)

    def _append(self, key: TrackKey, fragment: PendingFragment) -> None:
        file = self._files.get(key)
        first = fragment.units[0]
        cut = (
            file is None
            or file.config != fragment.config
            or file.run_utc_us != fragment.run_utc_us
            or (
                first.keyframe
                and (
                    first.utc_us >= self._cut_at[key]
                    or file.size_bytes >= self._storage.settings.segment_bytes
                    or (self._storage.settings.seals and file.signer is not self._storage.signer)
                    or file.protector is not self._storage.protector
                )
            )
        )
        room = self._storage.room
        room.take(fragment.size_bytes)
        if not cut and file is not None:
            if room.tight:
                file.allocate_no_more()
            file.append(fragment)
        else:
            if not first.keyframe:  # the beginning of its GOP could not be stored
                self._storage.failed(StorageError("a GOP lost its beginning"), len(fragment.units))
                return
            self._open(key, fragment, before=file)
        self._storage.worked()

    def _open(self, key: TrackKey, fragment: PendingFragment, before: SegmentFile | None) -> None:
        """Begin a segment with `fragment`, and only then finish the one before."""
        settings = self._storage.settings
        self._storage.prepare()
        small = fragment.config.kind != 1
        ahead = min(settings.preallocate_bytes, _SMALL_PREALLOCATION_BYTES) if small else settings.preallocate_bytes
        if self._storage.room.tight:
            ahead = 0
        protector = self._storage.protector
        if isinstance(protector, KeysMissing):
            raise StorageError(f"recordings are to be encrypted, and {protector.reason}")
        made = SegmentMaker(self._storage.root, key, ahead, self._sealing(key, before), protector)
        opened, fragment = made.file_for(fragment)
        try:
            opened.append(fragment)
        except BaseException:
            opened.seal()  # without a fragment: removes it
            raise
        sealed = None
        if before is not None:
            del self._files[key]
            same_run = before.run_utc_us == opened.run_utc_us and fragment.continues
            sealed = self._sealed(before, opened.start if same_run else None)
        elif (newest := self._newest.pop(key, None)) is not None:
            clipped = ended_by(newest, opened.start)
            sealed = clipped if clipped is not newest else None
        self._files[key] = opened
        self._cut_at[key] = _next_cut(key, opened.start, settings.segment_s)
        self._sync_due[key] = time.monotonic() + settings.sync_interval_s
        self._storage.segments_opened += 1
        self._storage.record(sealed, (key, opened.start))

    def _sealing(self, key: TrackKey, before: SegmentFile | None) -> Sealing | None:
        """How the track's next segment is sealed; its chain goes on where the one before stands."""
        if not self._storage.settings.seals:
            return None
        if before is not None:
            return Sealing(self._storage.signer, before.chain_end)
        if key not in self._chains:
            self._chains[key] = newest_chain(self._storage.root, key)
        return Sealing(self._storage.signer, self._chains[key])

    def _sealed(self, file: SegmentFile, followed_at: UtcUs | None) -> SealedSegment | None:
        try:
            return file.seal(followed_at)
        except OSError as error:
            # Its whole fragments are in the file as far as the disk took them; the next repair indexes them.
            self._storage.failed(error, 0)
            return None

    def _seal(self, key: TrackKey) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            self._chains[key] = file.chain_end
            sealed = self._sealed(file, None)
            if sealed is not None:
                self._newest[key] = sealed
                self._storage.record(sealed, None)

    def _tick(self) -> None:
        now = time.monotonic()
        self._next_tick = now + _TICK_S
        for key, file in list(self._files.items()):
            if self._sync_due[key] > now:
                continue
            self._sync_due[key] = now + self._storage.settings.sync_interval_s
            if not file.unsynced:
                continue
            try:
                file.sync()
            except OSError as error:
                self._storage.failed(error, 0)
                self._seal(key)


@dataclass(frozen=True, slots=True)
class SegmentMaker:
    """What the next file of a track is made with."""

    root: Path
    key: TrackKey
    preallocate_bytes: int
    sealing: Sealing | None
    protector: Protector | None

    def file_for(self, fragment: PendingFragment) -> tuple[SegmentFile, PendingFragment]:
        """Create the file of a segment that begins with `fragment`. After the clock was set back there may be one of
        that name: it is left alone, and the new one begins some microseconds later."""
        for _ in range(_MOST_NAMES):
            try:
                return self._made(fragment), fragment
            except FileExistsError:
                fragment = fragment.later(1)
        return self._made(fragment), fragment

    def _made(self, fragment: PendingFragment) -> SegmentFile:
        return SegmentFile(
            self.root, self.key, fragment, self.preallocate_bytes, self.sealing, protector=self.protector
        )


def _next_cut(key: TrackKey, start: UtcUs, segment_s: float) -> int:
    """The end of the segment that begins at `start`: each device at its own point of a common rhythm, so that not all
    files of a recorder are sealed and opened in the same second."""
    length_us = int(segment_s * US_PER_S)
    shift = zlib.crc32(key.device.encode()) * 1000 % length_us
    return ((start + shift) // length_us + 1) * length_us - shift


class MediaDatabaseWriter:
    """Writes recordings below `root`. Use as an async context manager; leaving it seals every segment.

    A root that cannot be used does not raise here: recording begins as soon as it can, and `on_event` hears of it.
    """

    def __init__(
        self, root: Path, clock: Clock, settings: WriterSettings, on_event: OnEvent, locks: LockBook | None = None
    ) -> None:
        """`locks`: what may not be deleted; without it, what the lock files below `root` say."""
        self.root = root
        self.settings = settings
        self._storage = _Storage(root, settings, on_event)
        self._threads = [_WriterThread(self._storage, number) for number in range(max(1, settings.writer_threads))]
        self._tracks: dict[TrackKey, QueuedTrackWriter] = {}
        self._cleaner = Cleaner(
            root, self._storage.index, clock, settings, on_event=on_event, prepare=self._storage.prepare, locks=locks
        )
        self._on_event = on_event

    async def __aenter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self._cleaner.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for track in list(self._tracks.values()):
            track.finish()
        for thread in self._threads:
            thread.jobs.put(None)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._cleaner.stop()
        self._storage.index.close()

    def track(self, key: TrackKey) -> QueuedTrackWriter:
        """Return the writer of a track; the same one until it is closed."""
        known = self._tracks.get(key)
        if known is None:
            known = self._tracks[key] = QueuedTrackWriter(key, self.settings, self, self._on_event)
        return known

    def set_retention(self, retain_minutes: int) -> None:
        """Keep recordings this long from now on."""
        self._cleaner.limits = replace(self._cleaner.limits, retain_minutes=retain_minutes)

    def set_protector(self, protector: Protector | KeysMissing | None) -> None:
        """Have files encrypted, or not, from each track's next keyframe on, which begins a segment. With KeysMissing
        nothing is recorded. Pass the same object as long as nothing changes."""
        self._storage.protector = protector

    def set_limits(self, limits: Limits) -> None:
        """Keep this from now on."""
        self._cleaner.limits = limits

    def set_signer(self, signer: Signer | None) -> None:
        """Have seals signed, or not, from each track's next keyframe on, which begins a segment. Pass the same object
        as long as nothing changes."""
        self._storage.signer = signer

    @property
    def storage_id(self) -> str | None:
        """The id in the root's marker file, once it was seen; keep it, and pass it as `expected_storage_id`."""
        return self._storage.storage_id

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._storage.queued_bytes

    def works(self) -> bool:
        """Try whether the storage can be written to again: it is there, keeps up, and has room. Blocking."""
        return self.queued_bytes * 4 <= self.settings.queue_bytes and self._storage.tried()

    @property
    def keeps_up(self) -> bool:
        """Whether so little waits that recordings from earlier may be added to what is live."""
        return self.queued_bytes * 8 <= self.settings.queue_bytes

    def spool_room(self, size_bytes: int) -> None:
        """Raise StorageError or OSError unless something else than recordings may be written here. Blocking."""
        self._storage.prepare()
        least = min(self.settings.short_free_bytes, self.settings.min_free_bytes)
        if free_bytes(self.root) - size_bytes < least:
            raise DiskReserved(
                f"less than {least >> 20} MB would stay free", path=str(self.root), reserve_mb=least >> 20
            )

    @property
    def cleaner(self) -> Cleaner:
        """Deletes what is too old."""
        return self._cleaner

    def offer(self, key: TrackKey, fragment: PendingFragment) -> bool:
        """FragmentQueue."""
        if not self._storage.reserve(fragment.size_bytes):
            return False
        self._thread_of(key).jobs.put((key, fragment))
        return True

    def end_run(self, key: TrackKey) -> None:
        """FragmentQueue."""
        self._thread_of(key).jobs.put(_Sealed(key))

    async def drained(self, key: TrackKey) -> None:
        """FragmentQueue."""
        self._tracks.pop(key, None)
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        self._thread_of(key).jobs.put(_Sealed(key, lambda: loop.call_soon_threadsafe(finish)))
        await done

    def _thread_of(self, key: TrackKey) -> _WriterThread:
        return self._threads[zlib.crc32(f"{key.device}/{key.track}".encode()) % len(self._threads)]
