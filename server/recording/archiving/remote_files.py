"""A stage behind fsspec: S3 and what speaks like it, and any other file system that fsspec knows.

A file is sent in pieces and committed in the end: to an object store that is a multipart upload, which nobody sees
before it is complete; other file systems of fsspec use a name of their own and rename.
"""

import errno
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId, new_id
from common.media.access_unit import TrackName
from server.recording.archiving.block_cache import BlockCache
from server.recording.archiving.places import CHUNK_BYTES, ArchiveRefused, Incoming, StoredSegment
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.layout import MARKER, StorageNotMounted

_PART_BYTES = 8 << 20  # S3 takes no part below 5 MiB but the last
_STREAM_BYTES = 8 << 20
_OFFLINE_S = 5.0  # after a failure, readers are refused at once for so long: each would wait for a time-out
_S3 = ("s3", "s3a")
_S3_CONFIG = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}


class RemoteFiles:
    """StageFiles below an fsspec URL. `options` are the file system's; see `_arguments`."""

    def __init__(self, url: str, options: Mapping[str, str], cache_bytes: int = 64 << 20) -> None:
        parts = urlsplit(url)
        self.place = f"{parts.scheme}://{parts.hostname or ''}{parts.path}".rstrip("/")
        self.disk = f"{parts.scheme}://{parts.hostname or ''}"
        self._url = url
        self._protocol = parts.scheme
        self._options = options
        self._cache = BlockCache(cache_bytes)
        self._id: str | None = None
        self._offline_until_s = 0.0
        self._lock = threading.Lock()

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system and the path of our root in it. fsspec is untyped."""
        # Imported by those who have such an archive: fsspec and what it loads take 40 MB.
        import fsspec

        try:
            arguments = _arguments(self._protocol, self._options)
            system, root = fsspec.core.url_to_fs(
                self._url, **arguments, skip_instance_cache=True, use_listings_cache=False
            )
        except (ValueError, ImportError, TypeError) as error:
            raise ArchiveRefused(str(error), path=self.place) from error
        return system, str(root).rstrip("/")

    @property
    def _system(self) -> Any:
        return self._opened[0]

    def _path(self, name: str) -> str:
        return f"{self._opened[1]}/{name}"

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Every library behind fsspec has errors of its own: they become OSError here."""
        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "it is not in the archive", str(error)) from error
        except OSError as error:
            if error.errno is None:
                raise OSError(errno.EIO, str(error)) from error
            raise
        except ArchiveRefused:
            raise
        except Exception as error:
            raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error

    def prepare(self, expected_id: str | None) -> str:
        with self._calling():
            self._sweep()
        found = self._marker()
        if expected_id is not None and found != expected_id:
            raise StorageNotMounted(
                f"expected storage {expected_id}, found {found or 'no marker'}", path=self.place, marker=MARKER
            )
        if found is None:
            with self._calling():
                self._system.pipe_file(self._path(MARKER), json.dumps({"id": new_id(), "format": 1}).encode() + b"\n")
            found = self._marker()
            if found is None:
                raise ArchiveRefused("the marker cannot be read back", path=self.place)
        self._id = found
        return found

    def _marker(self) -> str | None:
        try:
            with self._calling():
                return str(json.loads(self._system.cat_file(self._path(MARKER)))["id"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ArchiveRefused(f"the marker {MARKER} cannot be read: {error}", path=self.place) from error

    def check(self) -> None:
        found = self._marker()
        if found is None or (self._id is not None and found != self._id):
            raise StorageNotMounted(
                f"expected storage {self._id}, found {found or 'no marker'}", path=self.place, marker=MARKER
            )

    def _sweep(self) -> None:
        """End uploads below our root that an interrupted job left open a day ago: they cost space that nobody sees."""
        if self._protocol not in _S3:
            return
        bucket, _, prefix = self._opened[1].partition("/")
        stale = datetime.now(UTC) - timedelta(days=1)  # a younger one may be another recorder's
        for upload in self._system.list_multipart_uploads(bucket):
            ours = str(upload["Key"]).startswith(f"{prefix}/" if prefix else "")
            if ours and upload["Initiated"] < stale:
                self._system.abort_mpu(bucket, upload["Key"], upload["UploadId"])

    def open(self, name: str) -> ReadableFile:
        return _RemoteFile(self, name)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Bytes of a file through the cache, for viewers: refused at once while the archive does not answer."""
        return self._cache.read(name, offset, size, lambda start, end: self._fetch(name, start, end))

    def _fetch(self, name: str, start: int, end: int) -> bytes:
        if time.monotonic() < self._offline_until_s:
            raise OSError(errno.EHOSTUNREACH, "the archive did not answer just now", self.place)
        try:
            with self._calling():
                return bytes(self._system.cat_file(self._path(name), start=start, end=end))
        except FileNotFoundError:
            raise
        except OSError:
            self._offline_until_s = time.monotonic() + _OFFLINE_S
            raise

    def stream(self, name: str) -> Iterator[bytes]:
        size, at = self.size_bytes(name), 0
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "it is not in the archive", name)
        while at < size:
            with self._calling():
                data = bytes(self._system.cat_file(self._path(name), start=at, end=min(at + _STREAM_BYTES, size)))
            if not data:
                raise OSError(errno.EIO, "the file became shorter", name)
            at += len(data)
            for start in range(0, len(data), CHUNK_BYTES):
                yield data[start : start + CHUNK_BYTES]

    def create(self, name: str) -> Incoming:
        self._cache.forget(name)
        with self._calling():
            file = self._system.open(self._path(name), "wb", block_size=_PART_BYTES, autocommit=False)
        return _Upload(self, file)

    def put(self, name: str, data: bytes) -> None:
        """Write a small file in one piece."""
        with self._calling():
            self._system.pipe_file(self._path(name), data)

    def get(self, name: str) -> bytes:
        """Read a small file."""
        with self._calling():
            return bytes(self._system.cat_file(self._path(name)))

    def get_many(self, names: list[str]) -> dict[str, bytes]:
        """Read small files side by side; those that cannot be read are left out."""
        if not names:
            return {}
        with self._calling():
            found = self._system.cat([self._path(name) for name in names], on_error="omit")
        return {name: found[path] for name in names if (path := self._path(name)) in found}

    def size_bytes(self, name: str) -> int | None:
        try:
            with self._calling():
                return int(self._system.info(self._path(name))["size"])
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        self._cache.forget(name)
        with suppress(FileNotFoundError), self._calling():
            self._system.rm_file(self._path(name))

    def names(self) -> dict[str, int]:
        """Every file below the root, with its size."""
        with self._calling():
            found = self._system.find(self._opened[1], detail=True)
        cut = len(self._opened[1]) + 1
        return {str(path)[cut:]: int(about["size"]) for path, about in found.items()}

    def segments(self) -> Iterator[StoredSegment]:
        for name, size_bytes in sorted(self.names().items()):
            parts = name.split("/")
            if len(parts) == 4 and parts[3].endswith(".mp4") and parts[3][:-4].isdecimal():
                key = TrackKey(DeviceId(parts[0]), TrackName(parts[1]))
                yield StoredSegment(name, key, UtcUs(int(parts[3][:-4])), size_bytes)

    def free_bytes(self) -> int | None:
        return None


class _RemoteFile:
    """ReadableFile over range reads."""

    def __init__(self, files: RemoteFiles, name: str) -> None:
        self._files = files
        self._name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def read(self, offset: int, size: int) -> bytes:
        return self._files.read(self._name, offset, size)

    def size_bytes(self) -> int:
        size = self._files.size_bytes(self._name)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "it is not in the archive", self._name)
        return size


class _Upload:
    """Incoming over a file of fsspec that is not committed by closing it."""

    def __init__(self, files: RemoteFiles, file: Any) -> None:
        self._files = files
        self._file = file

    def write(self, data: bytes) -> None:
        with self._files._calling():
            self._file.write(data)

    def publish(self) -> None:
        with self._files._calling():
            self._file.close()
            self._file.commit()

    def discard(self) -> None:
        with suppress(Exception):  # the server may be gone: `prepare` sweeps what stays
            self._file.discard()
        self._file.closed = True  # or fsspec would try to finish it when it is collected


def _arguments(protocol: str, options: Mapping[str, str]) -> dict[str, object]:
    """Make a file system's arguments of an archive's options, which are texts.

    `true` and `false` become truth values; a dotted name goes one level down: `client_kwargs.region_name`.
    """
    made: dict[str, Any] = {}
    if protocol in _S3:
        made["config_kwargs"] = dict(_S3_CONFIG)
    for name, text in options.items():
        value: object = {"true": True, "false": False}.get(text.lower(), text)
        group, dot, inner = name.partition(".")
        if dot:
            made.setdefault(group, {})[inner] = value
        else:
            made[name] = value
    return made
