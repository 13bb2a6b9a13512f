"""Opens the recordings that an export reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.recording.mediadb.contract import MediaReader
from server.recording.mediadb.reader import MediaDatabaseReader


@contextmanager
def opened_recordings(data: Path, recordings: Path) -> Iterator[MediaReader]:
    """A reader of all that is recorded. `data`: the recorder's folder, where it keeps what opens its storages."""
    reader = MediaDatabaseReader(recordings)
    try:
        yield reader
    finally:
        reader.close()
