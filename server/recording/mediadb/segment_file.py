"""One segment being written: its file, what is in it so far, and how it reaches the disk. Used by one thread."""

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, CodecConfig
from common.media.mp4.protection import Buffer, Protection, SampleCipher
from common.media.mp4.reader import Fragment
from common.media.mp4.writer import SegmentInfo, fragment_header, init_segment
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.fragments import FragmentTable, pack_table
from server.recording.mediadb.index import SealedSegment
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.protecting import Protector
from server.recording.mediadb.seals import ChainEnd, SegmentSealer, Signer, segment_name
from server.recording.mediadb.trailer import Trailer, trailer_box

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE, linux/falloc.h
_MOST_PARTS = 1000  # of one writev; IOV_MAX is 1024 on Linux
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a segment is sealed: who signs, if anybody, and where the chain of the track stands."""

    signer: Signer | None = None
    previous: ChainEnd | None = None


@dataclass(frozen=True, slots=True)
class PendingFragment:
    """Units on their way to a file. `next_dts`: where the unit after them starts. `continues`: the stream goes on
    without a break from the fragment before."""

    config: CodecConfig
    units: Sequence[AccessUnit]
    next_dts: int
    size_bytes: int
    run_utc_us: UtcUs
    continues: bool

    def later(self, by_us: int) -> "PendingFragment":
        """The same, shown later."""
        return replace(self, units=[replace(unit, utc_us=UtcUs(unit.utc_us + by_us)) for unit in self.units])


class SegmentFile:
    """Appends whole fragments. Whatever fails raises OSError and leaves the file as it was after the last whole one."""

    def __init__(
        self,
        root: Path,
        key: TrackKey,
        first: PendingFragment,
        preallocate_bytes: int,
        sealing: Sealing | None = None,
        *,
        protector: Protector | None = None,
    ) -> None:
        """Create the file with its initial part; FileExistsError when there is one of this name. Without `sealing`,
        its fragments get no seals, without `protector` its samples are not encrypted."""
        self.key = key
        self.config = first.config
        self.run_utc_us = first.run_utc_us
        self.start = first.units[0].utc_us
        self.path = segment_path(root, key, self.start)
        self.table = FragmentTable(first.config.timescale)
        self._origin = first.units[0].dts
        self._sequence = 0
        self._preallocate_bytes = preallocate_bytes
        self._allocated = 0
        self._synced = 0
        self._named = False
        self.protector = protector
        protection: Protection | None = None
        self._cipher: SampleCipher | None = None
        if protector is not None:
            protection, self._cipher = protector.begin(first.config)
        self._sealer: SegmentSealer | None = None
        if sealing is not None:
            self._sealer = SegmentSealer(segment_name(key.device, key.track, self.start), self.start, sealing.signer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = _created(self.path)
        try:
            info = SegmentInfo(key.device, key.track, first.run_utc_us, self._origin, self.start)
            initial = init_segment(first.config, info, protection)
            if self._sealer is not None and sealing is not None:
                initial = self._sealer.begin(initial, sealing.previous)
            self.size_bytes = 0
            self._write_all([initial], len(initial))
        except BaseException:
            self._discard()
            raise

    @property
    def unsynced(self) -> bool:
        return self.size_bytes > self._synced

    @property
    def empty(self) -> bool:
        return not self.table.starts

    @property
    def chain_end(self) -> ChainEnd | None:
        """Where the chain of seals stands."""
        return None if self._sealer is None else self._sealer.end

    @property
    def signer(self) -> Signer | None:
        """Who signs its seals."""
        return None if self._sealer is None else self._sealer.signer

    def allocate_no_more(self) -> None:
        """The disk is nearly full: take what is written, and nothing ahead."""
        self._preallocate_bytes = 0

    def append(self, fragment: PendingFragment) -> None:
        """Write a fragment and hand it to the system."""
        units = fragment.units
        self._sequence += 1
        encryption = b""
        data: Sequence[Buffer]
        if self._cipher is None:
            data = [unit.data for unit in units]
        else:
            data, encryption = self._cipher.encrypt(units)
        header = fragment_header(
            self._sequence, units, fragment.next_dts, self._origin, self.config, encryption=encryption
        )
        offset = self.size_bytes
        parts: list[Buffer] = [header, *data]
        total = len(header) + fragment.size_bytes
        if self._sealer is not None:
            parts = self._sealer.seal(parts)
            total += len(parts[0]) - len(header)
        self._write_all(parts if len(parts) <= _MOST_PARTS else [b"".join(parts)], total)
        if self._sealer is not None:
            self._sealer.written()
        first = units[0]
        self.table.append(
            Fragment(
                offset,
                total,
                first.utc_us,
                first.dts - self._origin,
                fragment.next_dts - first.dts,
                len(units),
                first.keyframe,
            )
        )

    def _write_all(self, parts: Sequence[Buffer], total: int) -> None:
        end = self.size_bytes + total
        if self._preallocate_bytes and end > self._allocated:
            self._preallocate(end)
        try:
            written = os.pwritev(self._fd, parts, self.size_bytes)
            if written < total:  # rare: the disk is full, or a signal came
                rest = memoryview(b"".join(parts))
                while written < total:
                    step = os.pwrite(self._fd, rest[written:], self.size_bytes + written)
                    if step == 0:
                        raise OSError(errno.EIO, "nothing could be written")
                    written += step
        except OSError:
            os.ftruncate(self._fd, self.size_bytes)  # no half fragment behind whole ones
            raise
        self.size_bytes = end

    def _preallocate(self, end: int) -> None:
        """Ask for the next stretch of disk in one piece. Not having it (file system, full disk) is no failure here."""
        size = self._preallocate_bytes * (end // self._preallocate_bytes + 1) - self._allocated
        result = _libc.fallocate(self._fd, _KEEP_SIZE, ctypes.c_int64(self._allocated), ctypes.c_int64(size))
        if result == 0:
            self._allocated += size
        else:
            self._preallocate_bytes = 0

    def sync(self) -> None:
        """Make durable what was written, and drop it from the page cache: nobody reads it again soon."""
        end = self.size_bytes
        os.fdatasync(self._fd)
        if not self._named:  # its name must outlive a power cut as well
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._named = True
        os.posix_fadvise(self._fd, self._synced, end - self._synced, os.POSIX_FADV_DONTNEED)
        self._synced = end

    def seal(self, followed_at: UtcUs | None = None) -> SealedSegment | None:
        """Make durable and close; return what the index should know. `followed_at`: where the next segment goes on
        without a gap. A file without any fragment is removed."""
        if self.empty:
            self._discard()
            return None
        try:
            if followed_at is not None:
                self.table.ends[-1] = max(followed_at, self.table.starts[-1] + 1)
            table = self.table
            blob = pack_table(table)
            with contextlib.suppress(OSError):  # a full disk: without it the index is rebuilt all the same, but slower
                self._end_with(trailer_box(Trailer(table.start, table.end, table.next_dts or 0, table.gaps, blob)))
            os.ftruncate(self._fd, self.size_bytes)  # gives back what was allocated ahead
            self.sync()
        finally:
            os.close(self._fd)
            self._fd = -1
        return SealedSegment(self.key, table.start, table.end, table.gaps, self.size_bytes, blob)

    def _end_with(self, box: bytes) -> None:
        self._write_all([box], len(box))

    def _discard(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.path.unlink(missing_ok=True)


def _created(path: Path) -> int:
    """Create a file and lock it; FileExistsError when there is one.

    The lock is held while the file is open, so that another process can tell a segment being written from one left
    behind by a process that died. A repair may come between the two steps and take the empty file for such a one.
    """
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return fd
        except BaseException:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        os.close(fd)
