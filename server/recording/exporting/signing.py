"""The recorder's own Ed25519 key (RFC 8032), with which it signs what it gives away."""

import hashlib
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.foundation.errors import StorageError
from common.foundation.places import write_private

KEY_FILE = "signing-key.pem"


def signing_key(data: Path) -> Ed25519PrivateKey:
    """The key in the recorder's identity folder, made at first use. Raises StorageError when it cannot be read.

    A key that is damaged is not replaced in silence: what was signed with the old one must stay attributable.
    """
    path = data / "recording" / "identity" / KEY_FILE
    try:
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            key = Ed25519PrivateKey.generate()
            write_private(
                path,
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            )
            return key
        found = serialization.load_pem_private_key(pem, None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StorageError(f"the signing key cannot be read or made: {error}", path=str(path)) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise StorageError("the signing key is not an Ed25519 key", path=str(path))
    return found


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """How people compare keys: SHA-256 of the public key, 32 hexadecimal digits in groups of four."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return "-".join(digits[at : at + 4] for at in range(0, 32, 4))
