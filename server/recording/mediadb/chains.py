"""Where a track's chain of seals stands on disk, so that the next segment, or the next process, goes on from there."""

import logging
from pathlib import Path

from common.foundation.errors import StorageError
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import ReadAt, read_init, scan_fragments
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import LocalFile, ReadableFile
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.index import SegmentIndex, SegmentRow
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.seals import MOST_SEAL_BYTES, ChainEnd, Seal, read_seal, seal_at

log = logging.getLogger(__name__)

_EVER = 1 << 62
_PRFT_BYTES = 64


def newest_chain(root: Path, index: SegmentIndex, key: TrackKey) -> ChainEnd | None:
    """The end of the chain of a track's newest segment; None where there is none, or it is not sealed.

    What cannot be read now is no reason not to record: then a new chain starts, and `verify` says so.
    """
    try:
        rows = index.at_or_before(key, _EVER) if index.exists else []
        if not rows:
            return None
        with LocalFile(segment_path(root, key, rows[0].start)) as file:
            return _chain_end(file, index, rows[0])
    except (OSError, StorageError, Mp4Damaged) as error:
        log.warning(
            "chain of seals starts anew", extra={"device_id": key.device, "track": key.track, "reason": str(error)}
        )
        return None


def _chain_end(file: ReadableFile, index: SegmentIndex, row: SegmentRow) -> ChainEnd | None:
    blob = index.table_blob(row.id)
    if blob is not None:
        offset = unpack_table(blob).offsets[-1]
    else:  # its writer died, and it has not been repaired yet
        init_bytes = read_init(file.read).size_bytes
        fragments = scan_fragments(file.read, init_bytes, file.size_bytes(), finished=True).fragments
        if not fragments:
            return None
        offset = fragments[-1].offset
    seal = seal_of(file.read, offset)
    return None if seal is None else ChainEnd(row.start, seal.number, seal.chain)


def seal_of(read: ReadAt, offset: int) -> Seal | None:
    """The seal of the fragment at `offset`, not yet proved; None when it has none. Raises Mp4Damaged."""
    start = read(offset, _PRFT_BYTES + MOST_SEAL_BYTES)
    place = seal_at(start)
    return None if place is None else read_seal(start[place[0] : place[1]])
