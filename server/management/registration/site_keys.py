"""The keys that all management servers of a site share: its authority and the key that seals secrets.

They are files beside the database, never in it. A second server gets them in one file, encrypted with a passphrase:
AES-256-GCM under a key by scrypt (RFC 7914, N = 2^15, r = 8, p = 1).
"""

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy.orm import Session

from common.foundation.errors import SettingsError
from common.foundation.places import write_private
from common.net.certificates import fingerprint
from server.management.database.store import get_state, set_state

FILES = ("ca.pem", "ca.key", "secrets.key")
_MAGIC = "vedette site keys 1"
_STATE = "ca_fingerprint"
_MOST_BYTES = 1024 * 1024


class SiteKeysWrong(SettingsError):
    """The keys are missing, damaged, or another site's."""

    message_key = "error.site_keys"


def save_keys(folder: Path, file: Path, passphrase: str) -> None:
    """Write the keys of management's folder into one encrypted file. Raises SiteKeysWrong."""
    if len(passphrase) < 12:
        raise SiteKeysWrong("the passphrase must have at least 12 characters")
    content = {name: base64.b64encode(value).decode() for name, value in keys_in(folder).items()}
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(passphrase_key(passphrase, salt)).encrypt(nonce, json.dumps(content).encode(), _MAGIC.encode())
    whole = {"what": _MAGIC} | {
        name: base64.b64encode(value).decode() for name, value in (("salt", salt), ("nonce", nonce), ("keys", sealed))
    }
    try:
        write_private(file, json.dumps(whole).encode() + b"\n")
    except OSError as failed:
        raise SiteKeysWrong(f"{file} cannot be written ({failed})") from failed


def restore_keys(folder: Path, file: Path, passphrase: str) -> None:
    """Put the keys of a file into management's folder, unless it holds other ones. Raises SiteKeysWrong."""
    put_keys(folder, _opened(file, passphrase))


def keys_in(folder: Path) -> dict[str, bytes]:
    """Return the site's keys by their files' names. Raises SiteKeysWrong."""
    try:
        return {name: (folder / name).read_bytes() for name in FILES}
    except OSError as failed:
        raise SiteKeysWrong(f"{folder} does not hold them ({failed}); start the first server once") from failed


def put_keys(folder: Path, content: Mapping[str, bytes], *, only_look: bool = False) -> None:
    """Write keys into a folder, unless it holds other ones. Raises SiteKeysWrong."""
    for name, value in content.items():
        there = folder / name
        if there.exists() and there.read_bytes().strip() != value.strip():
            raise SiteKeysWrong(f"{there} is another site's; move it away first if that site is not needed any more")
    for name, value in () if only_look else content.items():
        write_private(folder / name, value)


def _opened(file: Path, passphrase: str) -> dict[str, bytes]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        whole = json.loads(file.read_bytes())
        if whole["what"] != _MAGIC:
            raise ValueError("of another kind")
        salt, nonce, sealed = (base64.b64decode(whole[name], validate=True) for name in ("salt", "nonce", "keys"))
        clear = AESGCM(passphrase_key(passphrase, salt)).decrypt(nonce, sealed, _MAGIC.encode())
        content = {name: base64.b64decode(text) for name, text in json.loads(clear).items()}
    except InvalidTag as wrong:
        raise SiteKeysWrong(f"{file}: the passphrase is wrong, or the file was changed") from wrong
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise SiteKeysWrong(f"{file} is no file of site keys ({wrong})") from wrong
    if set(content) != set(FILES):
        raise SiteKeysWrong(f"{file} does not hold all keys")
    return content


def passphrase_key(passphrase: str, salt: bytes) -> bytes:
    """Derive a key from what a person typed (see above)."""
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())


def check_keys(session: Session, folder: Path) -> None:
    """Raise SiteKeysWrong when the database is a site's whose keys this folder does not hold."""
    expected = get_state(session, _STATE)
    if expected is None:
        return
    try:
        found = fingerprint((folder / "ca.pem").read_bytes())
    except OSError:
        found = ""
    if found != expected or not all((folder / name).exists() for name in FILES):
        raise SiteKeysWrong(f"{folder} does not hold the keys of the site in this database")


def note_keys(session: Session, ca_pem: str) -> None:
    """Have the database know whose it is. Needs a writing transaction."""
    if get_state(session, _STATE) is None:
        set_state(session, _STATE, fingerprint(ca_pem.encode()))
