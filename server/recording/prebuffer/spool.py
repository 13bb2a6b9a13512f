"""One thread a storage that writes, reads and lets go pieces of pre-buffers, in files of some seconds each.

A file is written from its beginning to its end and deleted once everything in it was let go. Nothing is forced to disk:
after a power cut there is nothing to be had from a pre-buffer. Where the storage is encrypted so is each piece
(AES-256-GCM), with a key that is never written anywhere.
"""

import asyncio
import logging
import os
import queue
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.foundation.clock import Clock
from common.foundation.errors import StorageError
from common.media.access_unit import AccessUnit
from server.recording.mediadb.contract import TrackKey
from server.recording.prebuffer.folders import RunFolder
from server.recording.prebuffer.pieces import Piece, Place, from_bytes, to_bytes
from server.recording.storages.events import OnAnyEvent, PreBuffersInMemory, PreBuffersOnDisk

log = logging.getLogger(__name__)

QUEUE_BYTES = 32 << 20
"""What may wait for one disk; with more, pieces stay in memory."""
FILE_BYTES = 16 << 20
RETRY_S = 10.0
_FILE_US = 10_000_000

OnWritten = Callable[[Piece, Place | None], None]
"""A piece is at its place, or could not be written."""
_Result: TypeAlias = "asyncio.Future[list[AccessUnit]]"


class Disk(Protocol):
    """The storage whose disk is used."""

    @property
    def root(self) -> Path: ...

    @property
    def encrypted(self) -> bool: ...

    def spool_room(self, size_bytes: int) -> None:
        """Raise StorageError or OSError where nothing but recordings may be written now."""


@dataclass(slots=True)
class _File:
    """A file of the spool. `held`: pieces in it that were not let go."""

    path: Path
    number: int
    size_bytes: int = 0
    held: int = 0
    began_us: int = 0
    full: bool = False


class Spool:
    """All pre-buffers on one disk. Use its methods on one event loop; close it."""

    def __init__(self, disk: Disk, clock: Clock, on_event: OnAnyEvent) -> None:
        self.disk = disk
        self._clock = clock
        self._on_event = on_event
        self._trouble = False
        self._retry_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting_bytes = 0  # event loop
        # The thread's own.
        self._folder: RunFolder | None = None
        self._files: dict[int, _File] = {}
        self._current: dict[TrackKey, _File] = {}
        self._next_file = 0
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._next_nonce = 0
        self._thread = threading.Thread(target=self._run, name=f"prebuffer {disk.root.name}", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def write(self, key: TrackKey, piece: Piece, done: OnWritten) -> bool:
        """Have a piece written; False where the disk is behind, or has failed. `done` is called on the event loop."""
        if self._waiting_bytes and self._waiting_bytes + piece.size_bytes > QUEUE_BYTES:
            return False
        if self._trouble and self._clock.monotonic_s() < self._retry_s:
            return False
        assert piece.units is not None
        self._waiting_bytes += piece.size_bytes
        self._jobs.put(partial(self._write, key, piece, done))
        return True

    async def read(self, place: Place) -> list[AccessUnit]:
        """Return the units of a piece; raises StorageError."""
        result: _Result = self._loop.create_future()
        self._jobs.put(partial(self._read, place, result))
        return await result

    def let_go(self, place: Place) -> None:
        """A piece is needed no longer."""
        self._jobs.put(partial(self._let_go, place))

    def failed(self, reason: str) -> None:
        """Pre-buffers of this disk are in memory, and as long as memory allows; the disk is tried again soon."""
        if not self._trouble:
            log.error("pre-buffers in memory", extra={"path": str(self.disk.root), "reason": reason})
            self._on_event(PreBuffersInMemory(str(self.disk.root), reason))
            self._retry_s = self._clock.monotonic_s() + RETRY_S
        elif self._clock.monotonic_s() >= self._retry_s:
            self._retry_s = self._clock.monotonic_s() + RETRY_S
        self._trouble = True

    async def close(self) -> None:
        """Stop, and delete everything."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # the thread

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._folder is not None:
            self._folder.remove()

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop has ended, and with it whoever would have listened
            log.debug("nobody waits for a pre-buffer")

    def _write(self, key: TrackKey, piece: Piece, done: OnWritten) -> None:
        place, reason = None, ""
        try:
            units = piece.units
            if not piece.dropped and units is not None:
                place = self._written(key, piece.start, to_bytes(units))
        except (OSError, StorageError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            self._finish(key)  # what follows begins in a file of its own
        except Exception as error:  # supervisor: the thread serves every track
            log.exception("pre-buffer not written", extra={"device_id": key.device})
            reason = str(error)
            self._finish(key)
        self._tell(partial(self._has_written, piece, place, reason, done))

    def _has_written(self, piece: Piece, place: Place | None, reason: str, done: OnWritten) -> None:
        self._waiting_bytes -= piece.size_bytes
        if reason:
            self.failed(reason)
        elif place is not None and self._trouble:
            self._trouble = False
            log.warning("pre-buffers on disk again", extra={"path": str(self.disk.root)})
            self._on_event(PreBuffersOnDisk(str(self.disk.root)))
        done(piece, place)

    def _written(self, key: TrackKey, start_us: int, data: bytes) -> Place:
        if self.disk.encrypted:
            check, self._next_nonce = self._next_nonce, self._next_nonce + 1
            data = self._cipher.encrypt(_nonce(check), data, None)
            check = -1 - check
        else:
            check = zlib.crc32(data)
        self.disk.spool_room(len(data))
        if self._folder is None:
            self._folder = RunFolder(self.disk.root)
        file = self._current.get(key)
        if file is None or file.size_bytes >= FILE_BYTES or not 0 <= start_us - file.began_us < _FILE_US:
            self._finish(key)
            number, self._next_file = self._next_file, self._next_file + 1
            file = _File(self._folder.path / f"{number}.spool", number, began_us=start_us)
            self._current[key] = self._files[number] = file
        opened = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(opened, memoryview(data)[written:], file.size_bytes + written)
        finally:
            os.close(opened)
        place = Place(self, file.number, file.size_bytes, len(data), check)
        file.size_bytes += len(data)
        file.held += 1
        return place

    def _read(self, place: Place, result: _Result) -> None:
        try:
            units = from_bytes(self._data(place))
        except (OSError, StorageError, InvalidTag) as error:
            self._tell(partial(_fail, result, StorageError(f"the pre-buffer on disk cannot be read: {error!r}")))
        else:
            self._tell(partial(_answer, result, units))

    def _data(self, place: Place) -> bytes:
        file = self._files[place.file]
        opened = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(opened, place.size_bytes, place.offset)
        finally:
            os.close(opened)
        if place.check < 0:
            return self._cipher.decrypt(_nonce(-1 - place.check), data, None)
        if zlib.crc32(data) != place.check:
            raise StorageError("a piece is damaged")
        return data

    def _let_go(self, place: Place) -> None:
        file = self._files[place.file]
        file.held -= 1
        self._delete_unused(file)

    def _finish(self, key: TrackKey) -> None:
        file = self._current.pop(key, None)
        if file is not None:
            file.full = True
            self._delete_unused(file)

    def _delete_unused(self, file: _File) -> None:
        if file.held or not file.full:
            return
        del self._files[file.number]
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:  # deleted with the folder, or at the next start
            log.warning("pre-buffer not deleted", extra={"path": str(file.path), "reason": error.strerror})


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _answer(result: _Result, units: list[AccessUnit]) -> None:
    if not result.done():
        result.set_result(units)


def _fail(result: _Result, error: StorageError) -> None:
    if not result.done():
        result.set_exception(error)
