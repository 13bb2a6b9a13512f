"""Where a recorder keeps its storages' keys, and how its processes find them.

    <data>/recording/identity/storage-keys.key      32 random bytes, readable by their owner only
    <data>/recording/keys/<storage id>.json         a ring for each storage that is or was encrypted (see `ring`)
    <storage or archive folder>/keys.json           a copy, so that a disk can be read elsewhere with the password

The copy in the data folder counts. The gateway makes and changes rings; engines and exports only read them.
"""

import hashlib
import logging
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from common.foundation.errors import StorageError
from common.foundation.places import write_private
from common.media.mp4.protection import Mp4Locked, Protection, new_protection
from server.recording.keys.ring import KEY_BYTES, KeyRing, StorageKey, read_ring

log = logging.getLogger(__name__)

OWN_KEY = "storage-keys.key"
RING = "keys.json"
_MOST_KNOWN = 4096
_one_at_a_time = threading.Lock()


class KeyChest:
    """All keys of one recorder. Blocking; any thread."""

    def __init__(self, data: Path) -> None:
        self._own_file = data / "recording" / "identity" / OWN_KEY
        self._folder = data / "recording" / "keys"
        self._lock = threading.Lock()
        self._known: dict[str, bytes] = {}  # storage keys by id
        self._read: dict[Path, int] = {}  # rings as they were when read, by time of change
        self._content: OrderedDict[bytes, bytes] = OrderedDict()
        self._followed: dict[str, tuple[bytes, bytes]] = {}  # passwords that opened a ring: trying one is slow

    def content_key(self, protection: Protection) -> bytes:
        """Return the key of a file's samples; raise Mp4Locked when this recorder does not have it."""
        with self._lock:
            known = self._content.get(protection.wrapped)
            if known is None:
                known = protection.content_key(self._storage_secret(protection.storage_key))
                self._content[protection.wrapped] = known
                while len(self._content) > _MOST_KNOWN:
                    self._content.popitem(last=False)
            return known

    def renewed(self, protection: Protection) -> tuple[Protection, bytes]:
        """Make another content key under the storage key of `protection`; return how its file tells of it, and the key.
        Raises Mp4Locked when this recorder does not have that storage key."""
        with self._lock:
            return new_protection(protection.storage_key, self._storage_secret(protection.storage_key))

    def newest(self, storage: str) -> StorageKey:
        """Return the key that new files of a storage are encrypted with. Raises StorageError when there is none yet."""
        path = self._path(storage)
        try:
            ring = read_ring(path.read_bytes(), str(path))
            return ring.opened(self._own_key())[-1]
        except OSError as error:
            raise StorageError(f"{error.strerror or error}", path=str(path)) from error

    def follow(self, storage: str, password: str, now_us: int, copies: Iterable[Path], keys: int = 1) -> None:
        """See that a storage has had so many keys, that `password` opens them, and that they stand beside its
        recordings as well.

        Changing a password, or adding a key, rewrites this file only. Raises StorageError; nothing is lost then.
        """
        path = self._path(storage)
        with _one_at_a_time:
            try:
                ring = self._ring(path)
                if ring is None:
                    ring = KeyRing(storage).with_new_key(self._own_key(), password, now_us)
                    write_private(path, ring.to_json())
                    log.warning("keys made for a storage", extra={"storage": storage})
                elif not self._is_password(ring, password):
                    ring = ring.with_password(self._own_key(), password)
                    write_private(path, ring.to_json())
                    log.warning("password of a storage changed", extra={"storage": storage})
                if len(ring.keys) < keys:  # one at most: a number that is out of all proportion costs nothing
                    ring = ring.with_new_key(self._own_key(), password, now_us)
                    write_private(path, ring.to_json())
                    log.warning("key added to a storage", extra={"storage": storage, "keys": len(ring.keys)})
            except OSError as error:
                raise StorageError(f"{error.strerror or error}", path=str(path)) from error
        self._copy(ring, copies)

    def adopt(self, folder: Path, password: str) -> int:
        """Take in the keys that stand beside recordings of another recorder; return how many. Raises StorageError."""
        source = folder / RING
        try:
            ring = read_ring(source.read_bytes(), str(source))
            renewed = ring.for_recorder(ring.opened_by(password), self._own_key())
            write_private(self._path(f"{ring.storage}-adopted"), renewed.to_json())
        except OSError as error:
            raise StorageError(f"{error.strerror or error}", path=str(source)) from error
        return len(renewed.keys)

    def _is_password(self, ring: KeyRing, password: str) -> bool:
        seen = hashlib.sha256(password.encode()).digest(), hashlib.sha256(ring.to_json()).digest()
        if self._followed.get(ring.storage) != seen:
            if not ring.is_password(password):
                return False
            self._followed[ring.storage] = seen
        return True

    def _copy(self, ring: KeyRing, folders: Iterable[Path]) -> None:
        """Put a copy beside the recordings. A disk that is away gets it the next time."""
        content = ring.to_json()
        for folder in folders:
            copy = folder / RING
            try:
                if not folder.is_dir() or (copy.exists() and copy.read_bytes() == content):
                    continue
                write_private(copy, content)
            except OSError as error:
                log.warning("keys not copied", extra={"path": str(copy), "reason": str(error)})

    def _ring(self, path: Path) -> KeyRing | None:
        try:
            return read_ring(path.read_bytes(), str(path))
        except FileNotFoundError:
            return None

    def _path(self, storage: str) -> Path:
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in storage)[:100]
        return self._folder / f"{safe or 'storage'}.json"

    def _storage_secret(self, key_id: str) -> bytes:
        if key_id not in self._known:
            self._read_rings()
        if key_id not in self._known:
            raise Mp4Locked(f"storage key {key_id} is not among this recorder's keys")
        return self._known[key_id]

    def _read_rings(self) -> None:
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            try:
                changed = path.stat().st_mtime_ns
                if self._read.get(path) == changed:
                    continue
                for key in read_ring(path.read_bytes(), str(path)).opened(self._own_key()):
                    self._known[key.id] = key.secret
                self._read[path] = changed
            except (OSError, StorageError) as error:
                log.error("keys of a storage cannot be used", extra={"path": str(path), "reason": str(error)})

    def _own_key(self) -> bytes:
        """Return the recorder's own key, made at first use; a damaged one is not replaced in silence."""
        path = self._own_file
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            own = path.with_name(f".{OWN_KEY}.{os.getpid()}.{threading.get_ident()}")
            write_private(own, secrets.token_bytes(KEY_BYTES))
            try:
                os.link(own, path)
            except FileExistsError:
                pass  # another process was faster
            finally:
                own.unlink()
            content = path.read_bytes()
        if len(content) != KEY_BYTES:
            raise StorageError("the recorder's own key is damaged", path=str(path))
        return content
