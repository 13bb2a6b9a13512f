"""Checks one fragment against its own seal."""

import hashlib
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import Fragment
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.seals import (
    FRAGMENT_TAG,
    MOST_SEAL_BYTES,
    Seal,
    read_seal,
    seal_at,
    sealed_about,
    signed_message,
)

_BLOCK_BYTES = 4 << 20
_PRFT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Checked:
    """A fragment of a file and whether it is what was sealed. `seal` is None where it has none that can be read.

    `fault` is empty when the hash is right, and the signature, if there is one, was made with the key it names.
    `has_seal`: there is a seal's box, readable or not.
    """

    fragment: Fragment
    start_us: int
    end_us: int
    seal: Seal | None
    has_seal: bool
    fault: str

    @property
    def number(self) -> int:
        """0 where it is not known."""
        return 0 if self.seal is None else self.seal.number


def check_fragment(file: ReadableFile, fragment: Fragment, start_us: int, end_us: int) -> Checked:
    """Hash a fragment and compare. `start_us`, `end_us`: when it is shown. Raises OSError."""
    offset, size = fragment.offset, fragment.size_bytes
    start = file.read(offset, min(size, _PRFT_BYTES + MOST_SEAL_BYTES))
    place = seal_at(start)
    if place is None:
        return Checked(fragment, start_us, end_us, None, False, "it has no seal")
    box = start[place[0] : place[1]]
    try:
        seal = read_seal(box)
    except Mp4Damaged as damaged:
        return Checked(fragment, start_us, end_us, None, True, str(damaged))
    digest = hashlib.sha256(FRAGMENT_TAG + sealed_about(box) + start[: place[0]])
    at = place[1]
    while at < size:
        data = file.read(offset + at, min(_BLOCK_BYTES, size - at))
        if not data:
            return Checked(fragment, start_us, end_us, seal, True, "the file ends inside it")
        digest.update(data)
        at += len(data)
    fault = ""
    if digest.digest() != seal.chain:
        fault = "its bytes, or its seal, are not those that were recorded"
    elif seal.signed and not _signature_holds(seal, box):
        fault = "its signature does not hold"
    return Checked(fragment, start_us, end_us, seal, True, fault)


class BytesFile:
    """Bytes in memory, read as a file."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]

    def size_bytes(self) -> int:
        return len(self._data)


def _signature_holds(seal: Seal, box: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(seal.public_key).verify(seal.signature, signed_message(box))
    except (InvalidSignature, ValueError):
        return False
    return True
