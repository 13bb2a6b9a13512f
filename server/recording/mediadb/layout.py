"""Where things lie below the root of a storage, and how a storage proves that it is mounted."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId, new_id
from common.media.access_unit import TrackName
from server.recording.mediadb.contract import TrackKey

MARKER = "vedette-storage.json"
INDEX = "index.sqlite3"


class StorageNotMounted(StorageError):
    """The folder is there, but it is not the storage that was recorded to before."""

    message_key = "error.storage_not_mounted"


@dataclass(frozen=True, slots=True)
class SegmentPath:
    """What a segment's place below the root says about it."""

    path: Path
    key: TrackKey
    start: UtcUs


def segment_path(root: Path, key: TrackKey, start: UtcUs) -> Path:
    """`<root>/<device>/<track>/<YYYY-MM-DD>/<start>.mp4`, the day in UTC."""
    day = datetime.fromtimestamp(start // US_PER_S, UTC).strftime("%Y-%m-%d")
    return root / key.device / key.track / day / f"{start}.mp4"


def segments_on_disk(root: Path, newest_days: int | None = None) -> Iterator[SegmentPath]:
    """All segment files below `root`, or those of each track's newest days only. What is no segment is passed over."""
    for device in _folders(root):
        for track in _folders(device):
            days = sorted(_folders(track))
            for day in days if newest_days is None else days[-newest_days:]:
                for file in sorted(day.glob("*.mp4")):
                    if file.stem.isdecimal():
                        key = TrackKey(DeviceId(device.name), TrackName(track.name))
                        yield SegmentPath(file, key, UtcUs(int(file.stem)))


def _folders(of: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(of) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def storage_id(root: Path) -> str | None:
    """The id in the marker file; None when there is no marker. Raises StorageError when it cannot be read."""
    try:
        return str(json.loads((root / MARKER).read_text(encoding="utf-8"))["id"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"the marker file {MARKER} cannot be read: {error}", path=str(root)) from error


def prepare_root(root: Path, expected_id: str | None) -> str:
    """Make sure that `root` is our storage, marking it on first use; return its id.

    Raises StorageNotMounted when it should be the storage `expected_id` and is not: a disk that is not mounted leaves
    an empty folder on the system disk, which must not be filled instead. Several processes may do this at once.
    """
    try:
        if expected_id is None:
            root.mkdir(parents=True, exist_ok=True)
        found = storage_id(root)
        if expected_id is not None and found != expected_id:
            raise StorageNotMounted(
                f"expected storage {expected_id}, found {found or 'no marker file'}", path=str(root), marker=MARKER
            )
        if found is not None:
            return found
        made = root / f".{MARKER}.{os.getpid()}.{new_id()}"
        made.write_text(json.dumps({"id": new_id(), "format": 1}) + "\n", encoding="utf-8")
        try:
            os.link(made, root / MARKER)  # the first of several processes wins, and nobody sees half a file
        except FileExistsError:
            pass
        finally:
            made.unlink()
    except OSError as error:
        raise StorageError(f"{error.strerror or error}", path=str(root)) from error
    marked = storage_id(root)
    if marked is None:
        raise StorageError("the marker file vanished", path=str(root))
    return marked
