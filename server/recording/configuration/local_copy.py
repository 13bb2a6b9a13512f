"""The recorder's own copy of its configuration: encrypted, because it holds cameras' passwords.

AES-256-GCM (NIST SP 800-38D): `nonce (12 bytes) || ciphertext and tag`, the recorder's id as associated data, so that a
copy from another recorder does not open. The key lies beside it, readable only by the daemon's user.
"""

import logging
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from common.api.recorder_configuration import RecorderConfiguration
from common.foundation.ids import RecorderId
from common.foundation.places import write_private

log = logging.getLogger(__name__)

_NONCE_BYTES = 12
_KEY_BYTES = 32
MOST_BYTES = 64 * 1024 * 1024


class LocalCopy:
    """One recorder's last configuration on its own disk. Calls block: use a pool."""

    def __init__(self, data: Path, recorder: RecorderId) -> None:
        folder = data / "recording" / "configuration"
        self._file = folder / "configuration.sealed"
        self._key_file = folder / "configuration.key"
        self._bound_to = recorder.encode()

    def load(self) -> RecorderConfiguration | None:
        """Return the last configuration, or None when there is none. A damaged copy is reported and kept aside."""
        try:
            sealed = self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as failed:
            log.error("own copy of the configuration cannot be read", extra={"path": self._file, "reason": failed})
            return None
        try:
            plain = AESGCM(self._key_file.read_bytes()).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to
            )
            return RecorderConfiguration.model_validate_json(plain)
        except (OSError, ValueError, InvalidTag, ValidationError) as damage:
            aside = self._file.with_suffix(".damaged")
            self._file.replace(aside)
            log.error(
                "own copy of the configuration is damaged; it is kept aside and fetched anew from management",
                extra={"path": self._file, "kept_as": aside, "reason": type(damage).__name__},
            )
            return None

    def save(self, configuration: RecorderConfiguration) -> None:
        """Replace the copy, whole or not at all."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._key()).encrypt(nonce, configuration.model_dump_json().encode(), self._bound_to)
        write_private(self._file, nonce + sealed)

    def _key(self) -> bytes:
        try:
            key = self._key_file.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) != _KEY_BYTES:
            key = AESGCM.generate_key(bit_length=8 * _KEY_BYTES)
            write_private(self._key_file, key)
        return key
