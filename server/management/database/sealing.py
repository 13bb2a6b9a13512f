"""Encrypts what must not stand in the database in clear: camera passwords and signing keys.

The key is a file beside the database, readable by its owner only: a copy of the database alone gives no password away.
"""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.foundation.places import write_private
from server.management.database.store import DatabaseUnusable


class Seal:
    """Seals and opens small values (AES-128-CBC with HMAC-SHA-256)."""

    def __init__(self, key_file: Path) -> None:
        """Read the key, or make it when there is none yet. Raises DatabaseUnusable."""
        self._path = key_file
        try:
            if not key_file.exists():
                write_private(key_file, Fernet.generate_key())
            self._key = key_file.read_bytes().strip()
            self._fernet = Fernet(self._key)
        except (OSError, ValueError) as error:
            raise DatabaseUnusable(f"the key {key_file}: {error}", path=str(key_file)) from error

    def key_for(self, purpose: str) -> bytes:
        """Return a key for something else, derived from ours (HKDF, RFC 5869): 32 bytes."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(self._key)

    def seal(self, clear: bytes) -> bytes:
        return self._fernet.encrypt(clear)

    def open(self, sealed: bytes) -> bytes:
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise DatabaseUnusable(
                "the database was sealed with another key; restore the key file that belongs to it",
                path=str(self._path),
            ) from error
