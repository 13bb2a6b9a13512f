"""Recordings of one track read from all storages of a recorder as if they were in one."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import UtcUs
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey
from server.recording.mediadb.protecting import ContentKeys
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.storages.places import storage_root

MOST_SEAM_US = 100_000
"""Where a device changes its storage, the assumed duration of the last picture differs from when the next one came."""

ReadersBehind = Callable[[RecordedStorage], Sequence[MediaReader]]
"""Readers of a storage's archives, in the order in which recordings move through them."""


class UnitedReader:
    """Implements MediaReader over several readers. Where two hold the same time, it counts once.

    Members are asked in order. A segment appears in its next place before it vanishes from the one before, so members
    must be in the order in which recordings move.
    """

    def __init__(self, members: Sequence[MediaReader]) -> None:
        self._members = tuple(members)

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        if len(self._members) == 1:
            return self._members[0].sequences(key, span, limit)
        found = self._joined(key, span, limit)
        # A recording goes on across the border between two members, which may lie outside of `span`.
        while found and (longer := self._longer(key, found[0], UtcUs(found[0].start - MOST_SEAM_US))) is not None:
            found[0] = longer
        while found and len(found) <= limit and (longer := self._longer(key, found[-1], found[-1].end)) is not None:
            found[-1] = longer
        return found[:limit]

    def _joined(self, key: TrackKey, span: Span, limit: int) -> list[Span]:
        parts = [member.sequences(key, span, limit + 1) for member in self._members]
        # Where one member was cut off by the limit, nothing is known about what it holds behind.
        known_until = min((part[-1].start for part in parts if len(part) > limit), default=None)
        joined: list[tuple[Span, int]] = []
        for each, member in sorted(
            ((s, n) for n, part in enumerate(parts) for s in part), key=lambda one: one[0].start
        ):
            if known_until is not None and each.start > known_until:
                break
            if joined:
                last, of = joined[-1]
                if each.start <= last.end + (MOST_SEAM_US if of != member else 0):
                    ends_later = each.end > last.end
                    joined[-1] = (Span(last.start, max(last.end, each.end)), member if ends_later else of)
                    continue
            joined.append((each, member))
        return [each for each, _ in joined]

    def _longer(self, key: TrackKey, span: Span, at: UtcUs) -> Span | None:
        """`span` with what adjoins it at `at`; None when that does not make it longer."""
        near = self._joined(key, Span(at, UtcUs(at + MOST_SEAM_US)), 8)
        start, end = span.start, span.end
        for each in near:
            if each.start <= end + MOST_SEAM_US and each.end >= start - MOST_SEAM_US:
                start, end = min(start, each.start), max(end, each.end)
        return Span(start, end) if (start, end) != (span.start, span.end) else None

    def coverage(self, key: TrackKey) -> Span | None:
        found = [span for member in self._members if (span := member.coverage(key)) is not None]
        return Span(min(s.start for s in found), max(s.end for s in found)) if found else None

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._settled(key, _last(member.gop_at(key, at) for member in self._members))

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._settled(key, _last(member.gop_before(key, at) for member in self._members))

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        best: Gop | None = None
        for member in self._members:
            found = member.gop_after(key, at)
            if found is not None and (best is None or found.start < best.start):
                best = found
        return self._settled(key, best)

    def _settled(self, key: TrackKey, gop: Gop | None) -> Gop | None:
        """A GOP that looks as if it still grows, though the device went on in another storage, does not."""
        if gop is None or not gop.growing or len(self._members) == 1:
            return gop
        later = [found.start for member in self._members if (found := member.gop_after(key, gop.start)) is not None]
        if not later:
            return gop
        return replace(gop, growing=False, end=UtcUs(max(gop.start + 1, min(gop.end, *later))))


def _last(found: Iterable[Gop | None]) -> Gop | None:
    """The one that starts last; of equals the first."""
    best: Gop | None = None
    for gop in found:
        if gop is not None and (best is None or gop.start > best.start):
            best = gop
    return best


class StoragesReader:
    """A MediaReader over all storages of a recorder, which follows its configuration. Any thread.

    `readers_behind` gives the readers of a storage's archives. A folder that was once read stays readable until the
    process ends: what was recorded there is found as long as it is kept.
    """

    def __init__(
        self,
        recordings: Path,
        readers_behind: ReadersBehind = lambda storage: (),
        keys: ContentKeys | None = None,
    ) -> None:
        self._recordings = recordings
        self._keys = keys
        self._readers_behind = readers_behind
        self._lock = threading.Lock()
        self._databases = {recordings: MediaDatabaseReader(recordings, keys=keys)}
        self._united = UnitedReader(tuple(self._databases.values()))

    def follow(self, storages: Sequence[RecordedStorage]) -> None:
        """Read from these storages from now on. Touches no disk."""
        with self._lock:
            behind: list[MediaReader] = []
            for storage in storages:
                root = storage_root(storage, self._recordings)
                if root not in self._databases:
                    self._databases[root] = MediaDatabaseReader(root, keys=self._keys)
                behind += self._readers_behind(storage)
            self._united = UnitedReader((*self._databases.values(), *behind))

    def close(self) -> None:
        with self._lock:
            for reader in self._databases.values():
                reader.close()

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        return self._united.sequences(key, span, limit)

    def coverage(self, key: TrackKey) -> Span | None:
        return self._united.coverage(key)

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._united.gop_at(key, at)

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._united.gop_after(key, at)

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._united.gop_before(key, at)
