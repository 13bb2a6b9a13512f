"""Opens the recordings that an export reads."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import SystemClock
from server.recording.archiving.stage import archive_readers
from server.recording.exporting.maker import GapReasons
from server.recording.keys.chest import KeyChest
from server.recording.ledger.proof import RecordingProof
from server.recording.mediadb.contract import MediaReader, Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.storages.places import storage_root
from server.recording.storages.reading import StoragesReader


@contextmanager
def opened_recordings(data: Path, recordings: Path, storages: Sequence[RecordedStorage] = ()) -> Iterator[MediaReader]:
    """A reader of everything the recorder has. `data`: its data folder; `recordings`: its own folder for them.

    Where all of it is in that one folder, whole segments can be copied, which is faster.
    """
    roots = {storage_root(storage, recordings) for storage in storages}
    if roots <= {recordings} and not any(storage.archives for storage in storages):
        with closing(MediaDatabaseReader(recordings, keys=KeyChest(data))) as reader:
            yield reader
        return
    with ExitStack() as opened:

        def behind(storage: RecordedStorage) -> list[MediaReader]:
            return [opened.enter_context(closing(reader)) for reader in archive_readers(storage, data)]

        united = opened.enter_context(closing(StoragesReader(recordings, behind, KeyChest(data))))
        united.follow(storages)
        yield united


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
