"""Opens the recordings that an export reads."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from common.foundation.clock import SystemClock
from server.recording.exporting.maker import GapReasons
from server.recording.ledger.proof import RecordingProof
from server.recording.mediadb.contract import MediaReader, Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader


@contextmanager
def opened_recordings(data: Path, recordings: Path) -> Iterator[MediaReader]:
    """A reader of all that is recorded. `data`: the recorder's folder, where it keeps what opens its storages."""
    reader = MediaDatabaseReader(recordings)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def opened_reasons(data: Path, reader: MediaReader) -> Iterator[GapReasons]:
    """Why something is not recorded, as the recorder's ledger knows."""
    with closing(RecordingProof(data, reader, SystemClock().now_us)) as proof:

        def reasons(key: TrackKey, span: Span) -> Sequence[tuple[Span, str]]:
            found = proof.explain(key, span)
            return [
                (Span(gap.start, gap.end), f"{gap.reason}: {gap.detail}" if gap.detail else str(gap.reason))
                for gap in found
            ]

        yield reasons
