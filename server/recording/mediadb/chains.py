"""Where a track's chain of seals stands on disk, so that the next segment, or the next process, goes on from there."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from common.foundation.clock import UtcUs
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import ReadAt, read_init, scan_fragments
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import LocalFile, ReadableFile
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.seals import MOST_SEAL_BYTES, ChainEnd, Seal, read_seal, seal_at
from server.recording.mediadb.trailer import read_trailer

log = logging.getLogger(__name__)

_PRFT_BYTES = 64
_MOST_EMPTY = 4  # files without a fragment that are passed over: their writers died at once


def newest_chain(root: Path, key: TrackKey) -> ChainEnd | None:
    """The end of the chain of a track's newest segment; None where there is none, or it is not sealed.

    The files are asked, not the index, which may be being repaired. What cannot be read now is no reason not to
    record: then a new chain starts, and `verify` says so.
    """
    try:
        for passed_over, path in enumerate(_newest_files(root / key.device / key.track)):
            with LocalFile(path) as file:
                offset = _last_fragment(file)
                if offset is None and passed_over < _MOST_EMPTY:
                    continue
                seal = None if offset is None else seal_of(file.read, offset)
            return None if seal is None else ChainEnd(UtcUs(int(path.stem)), seal.number, seal.chain)
    except (OSError, Mp4Damaged) as error:
        reason = str(error)
        log.warning("chain of seals starts anew", extra={"device_id": key.device, "track": key.track, "reason": reason})
    return None


def _newest_files(folder: Path) -> Iterator[Path]:
    try:
        days = sorted((entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)), reverse=True)
    except FileNotFoundError:
        return
    for day in days:
        names = (entry.name for entry in os.scandir(folder / day))
        starts = (int(name[:-4]) for name in names if name.endswith(".mp4") and name[:-4].isdecimal())
        for start in sorted(starts, reverse=True):
            yield folder / day / f"{start}.mp4"


def _last_fragment(file: ReadableFile) -> int | None:
    """Where the last whole fragment begins."""
    size = file.size_bytes()
    trailer = read_trailer(file.read, size)
    if trailer is not None:
        return unpack_table(trailer[0].blob).offsets[-1]
    fragments = scan_fragments(file.read, read_init(file.read).size_bytes, size, finished=True).fragments
    return fragments[-1].offset if fragments else None


def seal_of(read: ReadAt, offset: int) -> Seal | None:
    """The seal of the fragment at `offset`, not yet proved; None when it has none. Raises Mp4Damaged."""
    start = read(offset, _PRFT_BYTES + MOST_SEAL_BYTES)
    place = seal_at(start)
    return None if place is None else read_seal(start[place[0] : place[1]])
