"""The key that an engine signs recordings with: read once it is wanted, and again when it could not be read."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from common.foundation.errors import StorageError
from server.recording.mediadb.seals import Signer
from server.recording.proof.signing import signer
from server.recording.storages.events import SigningFailed, SigningWorks

log = logging.getLogger(__name__)

_AGAIN_S = 30.0


class Signatures:
    """Recording never waits for the key: without it, seals are made all the same, but not signed, and that is told."""

    def __init__(self, data: Path, on_event: Callable[[SigningFailed | SigningWorks], None]) -> None:
        """`data`: the recorder's folder, which holds the key."""
        self._data = data
        self._on_event = on_event
        self._lock = threading.Lock()
        self._failing = False
        self._next_try = 0.0
        self.signer: Signer | None = None

    def read(self) -> Signer | None:
        """Have the key, if it can be had. Blocking; quick when it was read, or tried lately."""
        with self._lock:
            return self._read()

    def _read(self) -> Signer | None:
        if self.signer is not None or time.monotonic() < self._next_try:
            return self.signer
        try:
            self.signer = signer(self._data)
        except StorageError as error:
            self._next_try = time.monotonic() + _AGAIN_S
            if not self._failing:
                self._failing = True
                log.error("recordings are not signed", extra={"reason": str(error)})
                self._on_event(SigningFailed(str(error)))
            return None
        if self._failing:
            self._failing = False
            log.warning("recordings are signed again")
            self._on_event(SigningWorks())
        return self.signer
