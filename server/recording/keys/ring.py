"""The keys of one storage, in a file: each wrapped for the recorder, and for whoever knows the storage's password.

`keys.json`: `version`, `storage` (its id), and `keys`, oldest first; the newest is the one that new files are encrypted
with. A key is 32 random bytes, wrapped twice with AES-256-GCM (12 bytes nonce, then ciphertext and tag, base64; the
key's id is authenticated with it): with the recorder's own key, so that it starts unattended, and with a key made of
the password by scrypt (RFC 7914).
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from common.foundation.errors import StorageError
from common.foundation.ids import new_id

KEY_BYTES = 32
_VERSION = 1
_NONCE_BYTES = 12
_SALT_BYTES = 16
_COST = 1 << 15  # 32 MB and some 80 ms for each guess
_MOST_COST = 1 << 20
_MOST_KEYS = 10_000


class WrongPassword(StorageError):
    """The password is not that of the storage."""

    message_key = "recording.wrong_storage_password"


class KeysDamaged(StorageError):
    """The file of a storage's keys cannot be read."""

    message_key = "recording.keys_damaged"


@dataclass(frozen=True, slots=True)
class StorageKey:
    """A key in the clear. Never written anywhere."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Password:
    salt: bytes
    cost: int
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """A key as the file holds it."""

    id: str
    created_us: int
    recorder: bytes
    password: _Password


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of one storage."""

    storage: str
    keys: tuple[_Wrapped, ...] = ()

    def opened(self, own_key: bytes) -> tuple[StorageKey, ...]:
        """Return the keys, oldest first, with the recorder's own key. Raises KeysDamaged when that is another one."""
        return self._opened(lambda key: (own_key, key.recorder))

    def opened_by(self, password: str) -> tuple[StorageKey, ...]:
        """Return the keys, oldest first. Slow on purpose. Raises WrongPassword."""
        derived: dict[bytes, bytes] = {}

        def made(key: _Wrapped) -> tuple[bytes, bytes]:
            salt = key.password.salt
            if salt not in derived:
                derived[salt] = _derived(password, salt, key.password.cost)
            return derived[salt], key.password.wrapped

        try:
            return self._opened(made)
        except KeysDamaged as error:
            raise WrongPassword("the password does not open the keys", path=self.storage) from error

    def is_password(self, password: str) -> bool:
        """Whether a password opens the newest key. Slow on purpose."""
        if not self.keys:
            return False
        newest = replace(self, keys=self.keys[-1:])
        try:
            newest.opened_by(password)
        except WrongPassword:
            return False
        return True

    def with_new_key(self, own_key: bytes, password: str, now_us: int) -> "KeyRing":
        """Return the ring with another key, which new files are encrypted with; what was recorded keeps its own."""
        key = StorageKey(new_id(), secrets.token_bytes(KEY_BYTES))
        return replace(self, keys=(*self.keys, *_wrapped([key], own_key, password, [now_us])))

    def with_password(self, own_key: bytes, password: str) -> "KeyRing":
        """Return the ring for another password; neither the keys nor what was recorded changes."""
        created = [key.created_us for key in self.keys]
        return replace(self, keys=_wrapped(self.opened(own_key), own_key, password, created))

    def for_recorder(self, keys: tuple[StorageKey, ...], own_key: bytes) -> "KeyRing":
        """Return the ring for a recorder with another key of its own, after `opened_by` gave the keys."""
        renewed = [
            replace(known, recorder=_seal(own_key, key.secret, key.id))
            for known, key in zip(self.keys, keys, strict=True)
        ]
        return replace(self, keys=tuple(renewed))

    def _opened(self, with_what: Callable[[_Wrapped], tuple[bytes, bytes]]) -> tuple[StorageKey, ...]:
        found = []
        for key in self.keys:
            secret, wrapped = with_what(key)
            try:
                opened = AESGCM(secret).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], key.id.encode())
            except (InvalidTag, ValueError) as error:
                raise KeysDamaged(f"key {key.id} does not open", path=self.storage) from error
            found.append(StorageKey(key.id, opened))
        return tuple(found)

    def to_json(self) -> bytes:
        """Return the file's content."""
        keys = [
            {
                "id": key.id,
                "created_us": key.created_us,
                "recorder": _text(key.recorder),
                "password": {
                    "salt": _text(key.password.salt),
                    "cost": key.password.cost,
                    "wrapped": _text(key.password.wrapped),
                },
            }
            for key in self.keys
        ]
        return json.dumps({"version": _VERSION, "storage": self.storage, "keys": keys}, indent=1).encode() + b"\n"


def read_ring(content: bytes, path: str) -> KeyRing:
    """Read a file's content; raise KeysDamaged."""
    try:
        told = json.loads(content)
        if told["version"] != _VERSION or not 0 < len(told["keys"]) <= _MOST_KEYS:
            raise ValueError("another version, or no keys")
        return KeyRing(str(told["storage"]), tuple(_read_key(each) for each in told["keys"]))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        raise KeysDamaged(f"{type(error).__name__}: {error}", path=path) from error


def _read_key(told: dict[str, Any]) -> _Wrapped:
    password, cost = told["password"], int(told["password"]["cost"])
    if not 2 <= cost <= _MOST_COST or cost & (cost - 1):
        raise ValueError("an impossible cost of passwords")
    by_password = _Password(_bytes(password["salt"]), cost, _bytes(password["wrapped"]))
    return _Wrapped(str(told["id"]), int(told["created_us"]), _bytes(told["recorder"]), by_password)


def _wrapped(
    keys: "tuple[StorageKey, ...] | list[StorageKey]", own_key: bytes, password: str, created_us: list[int]
) -> tuple[_Wrapped, ...]:
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = _derived(password, salt, _COST)
    return tuple(
        _Wrapped(
            key.id,
            created,
            _seal(own_key, key.secret, key.id),
            _Password(salt, _COST, _seal(derived, key.secret, key.id)),
        )
        for key, created in zip(keys, created_us, strict=True)
    )


def _seal(with_key: bytes, secret: bytes, key_id: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(with_key).encrypt(nonce, secret, key_id.encode())


def _derived(password: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=8, p=1).derive(password.encode())


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
