"""The recorder's own Ed25519 keys (RFC 8032): the one it signs with, and the public halves of all it ever signed with.

    <data>/recording/identity/signing-key.pem           the private key, readable by its owner only
    <data>/recording/identity/signing-keys/<fingerprint>.pem    public keys, the present one among them

Recordings outlive keys: what was signed with an old one is checked with its public half.
"""

import hashlib
import os
import threading
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.foundation.errors import SettingsError, StorageError
from common.foundation.places import write_private
from server.recording.mediadb.seals import Signer

KEY_FILE = "signing-key.pem"
PUBLIC_KEYS = "signing-keys"
_FINGERPRINT_BYTES = 16
_one_at_a_time = threading.Lock()


def _folder(data: Path) -> Path:
    return data / "recording" / "identity"


def signing_key(data: Path) -> Ed25519PrivateKey:
    """The key in the recorder's identity folder, made at first use. Raises StorageError when it cannot be read.

    A key that is damaged is not replaced in silence: what was signed with the old one must stay attributable. Several
    processes may ask at once, and get the same key.
    """
    with _one_at_a_time:
        return _signing_key(data)


def _signing_key(data: Path) -> Ed25519PrivateKey:
    path = _folder(data) / KEY_FILE
    try:
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            pem = _made(path)
        found = serialization.load_pem_private_key(pem, None)
        if not isinstance(found, Ed25519PrivateKey):
            raise StorageError("the signing key is not an Ed25519 key", path=str(path))
        _keep_public(data, found)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StorageError(f"the signing key cannot be read or made: {error}", path=str(path)) from error
    return found


def _made(path: Path) -> bytes:
    """Make a key, unless another process was faster; return what is in the file."""
    own = path.with_name(f".{KEY_FILE}.{os.getpid()}")
    write_private(
        own,
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()
    return path.read_bytes()


def _keep_public(data: Path, key: Ed25519PrivateKey) -> None:
    path = _folder(data) / PUBLIC_KEYS / f"{fingerprint(public_bytes(key))}.pem"
    if not path.exists():
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        write_private(path, pem)


def new_signing_key(data: Path) -> Ed25519PrivateKey:
    """Have another key from now on; the public half of the old one is kept. Engines take it at their next start.

    Raises StorageError.
    """
    path = _folder(data) / KEY_FILE
    if path.exists():
        signing_key(data)  # keeps its public half
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"the signing key cannot be replaced: {error}", path=str(path)) from error
    return signing_key(data)


def public_keys(data: Path) -> list[bytes]:
    """All keys the recorder signed with; none where it never did. Raises StorageError."""
    folder = _folder(data) / PUBLIC_KEYS
    try:
        return [read_public(path) for path in sorted(folder.iterdir()) if path.suffix == ".pem"]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"its public keys cannot be read: {error.strerror}", path=str(folder)) from error


def read_public(path: Path) -> bytes:
    """The public key in a PEM file. Raises StorageError."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise StorageError(f"it holds no public key: {error}", path=str(path)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise StorageError("it holds another kind of key than Ed25519", path=str(path))
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def signer(data: Path) -> Signer:
    """Signs seals with the recorder's key. Raises StorageError when that cannot be read."""
    key = signing_key(data)
    return Signer(public_bytes(key), key.sign)


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """How people compare keys: SHA-256 of the public key, 32 hexadecimal digits in groups of four."""
    return grouped(hashlib.sha256(public).hexdigest()[:32])


def grouped(digits: str) -> str:
    """A fingerprint as it is shown."""
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def fingerprint_named(text: str) -> str:
    """The fingerprint of a key that somebody names: by fingerprint, by its 32 bytes in hexadecimal, or by a PEM file
    with the public key. Raises StorageError, SettingsError."""
    digits = text.replace("-", "").lower()
    if digits and all(digit in "0123456789abcdef" for digit in digits):
        if len(digits) == 2 * _FINGERPRINT_BYTES:
            return grouped(digits)
        if len(digits) == 64:
            return fingerprint(bytes.fromhex(digits))
    if Path(text).is_file():
        return fingerprint(read_public(Path(text)))
    raise SettingsError(f"'{text}' is no fingerprint of a key, no public key, and no file with one")
