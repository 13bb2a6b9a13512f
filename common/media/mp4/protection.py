"""Common Encryption (ISO/IEC 23001-7), scheme `cenc`: AES-128 in counter mode, the sizes of samples unchanged.

Each file has a content key of its own. It stands in the file, wrapped with a storage key (RFC 3394), so that a file
needs nothing but its storage key, and another password or storage key leaves the media as it is. The counter runs
through the whole file: the upper half of each initialization vector is the file's, the lower counts blocks.
"""

import base64
import binascii
import json
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from common.foundation.errors import VmsError
from common.media.access_unit import AccessUnit, Codec, CodecConfig, MediaKind
from common.media.mp4.boxes import Mp4Damaged, box, children, full_box

SYSTEM_ID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f0c1")
"""Names our `pssh` box: JSON with the id of the storage key, and the content key wrapped with it."""
BLOCK_BYTES = 16
_KEY_BYTES = 16
_IV_BYTES = 16
_SCHEME = b"cenc"
_ENTRIES = {MediaKind.VIDEO: b"encv", MediaKind.AUDIO: b"enca", MediaKind.METADATA: b"encm"}
PROTECTED_ENTRIES = frozenset(_ENTRIES.values())
SINF_BYTES = 8 + 12 + 20 + 8 + 32
_NAL_HEADER_BYTES = {Codec.H264: 1, Codec.H265: 2}
_SUBSAMPLES = 2  # flag of `senc`
_MOST_SUBSAMPLES = 4096

Buffer = bytes | memoryview
Extent = Literal["Light", "Strong"]
"""`Strong` encrypts every sample, `Light` those of video that others are decoded from: its keyframes."""


class Mp4Locked(VmsError):
    """The samples are encrypted, and their key is not known here."""

    message_key = "error.mp4_locked"


@dataclass(frozen=True, slots=True)
class Protection:
    """How one file's samples are encrypted, as the file itself says."""

    key_id: bytes
    storage_key: str
    wrapped: bytes

    def content_key(self, storage_secret: bytes) -> bytes:
        """Return the file's own key. Raises Mp4Locked when the storage key is another one."""
        try:
            return aes_key_unwrap(storage_secret, self.wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise Mp4Locked("the file was encrypted with another storage key") from error


def new_protection(storage_key: str, storage_secret: bytes) -> tuple[Protection, bytes]:
    """Make a content key for one file; return how the file tells of it, and the key."""
    key = secrets.token_bytes(_KEY_BYTES)
    return Protection(secrets.token_bytes(16), storage_key, aes_key_wrap(storage_secret, key)), key


def protected_entry(entry: bytes, config: CodecConfig, protection: Protection) -> bytes:
    """Turn a sample entry into that of an encrypted track (ISO/IEC 14496-12, 8.12)."""
    tenc = full_box(b"tenc", 0, 0, bytes((0, 0, 1, _IV_BYTES)), protection.key_id)
    scheme = full_box(b"schm", 0, 0, _SCHEME, struct.pack(">I", 0x10000))
    sinf = box(b"sinf", box(b"frma", entry[4:8]), scheme, box(b"schi", tenc))
    assert len(sinf) == SINF_BYTES
    return box(_ENTRIES[config.kind], entry[8:], sinf)


def original_format(data: bytes, body: int, end: int) -> tuple[bytes, bytes]:
    """Return the format of an encrypted sample entry before it was one, and its key id; raise Mp4Damaged."""
    start = end - SINF_BYTES
    if start < body or data[start + 4 : start + 8] != b"sinf":
        raise Mp4Damaged("an encrypted track does not say how")
    frma, schm, tenc = data[start + 16 : start + 20], data[start + 32 : start + 36], end - 32
    if schm != _SCHEME or data[tenc + 4 : tenc + 8] != b"tenc" or data[tenc + 14 : tenc + 16] != bytes((1, _IV_BYTES)):
        raise Mp4Damaged("an encrypted track of a scheme that we do not write")
    return frma, data[tenc + 16 : end]


def key_box(protection: Protection) -> bytes:
    """Make the `pssh` box (ISO/IEC 23001-7, 8.1) that holds the wrapped key."""
    wrapped = base64.b64encode(protection.wrapped).decode()
    body = json.dumps({"storage_key": protection.storage_key, "wrapped": wrapped}, separators=(",", ":")).encode()
    ids = struct.pack(">I", 1) + protection.key_id
    return full_box(b"pssh", 1, 0, SYSTEM_ID, ids, struct.pack(">I", len(body)), body)


def read_key_box(data: bytes, start: int, end: int, key_id: bytes) -> Protection:
    """Find our `pssh` in the body of `moov`; raise Mp4Damaged when there is none for this key."""
    for found in children(data, start, end):
        body = found.body + 4
        if found.kind != b"pssh" or data[body : body + 16] != SYSTEM_ID or data[body + 20 : body + 36] != key_id:
            continue
        try:
            told = json.loads(data[body + 40 : found.end])
            return Protection(key_id, str(told["storage_key"]), base64.b64decode(told["wrapped"], validate=True))
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise Mp4Damaged(f"the wrapped key cannot be read: {error}") from error
    raise Mp4Damaged("an encrypted file without its wrapped key")


class SampleCipher:
    """Encrypts the samples of one file, in their order. Used by one thread."""

    def __init__(self, key: bytes, config: CodecConfig, extent: Extent) -> None:
        self._key = key
        self._iv = secrets.token_bytes(_IV_BYTES // 2)
        self._blocks = 0
        self._nal_header = _NAL_HEADER_BYTES.get(config.codec)
        self._keyframes_only = extent == "Light" and config.kind is MediaKind.VIDEO

    def encrypt(self, units: Sequence[AccessUnit]) -> tuple[list[Buffer], bytes]:
        """Return the data of the samples, encrypted, in pieces, and the boxes that tell how, for `traf`.

        Everything of a fragment goes through the cipher at once, and is copied no more than that takes: calling it for
        each sample, and putting samples together again, would cost more than encrypting.
        """
        cut = [self._parts(unit) for unit in units]
        secret_bytes = self._secret_bytes(units, cut)
        pieces: list[Buffer] = []
        about: list[bytes] = []
        subsamples = self._nal_header is not None or self._keyframes_only
        position = 0
        for unit, parts in zip(units, cut, strict=True):
            info = self._iv + self._blocks.to_bytes(8, "big")
            if subsamples:
                info += struct.pack(">H" + "HI" * len(parts), len(parts), *(value for part in parts for value in part))
            about.append(info)
            at = 0
            for plain, secret in parts:
                if plain:
                    pieces.append(unit.data[at : at + plain])
                if secret:
                    pieces.append(secret_bytes[position : position + secret])
                blocks = -(-secret // BLOCK_BYTES)
                position += blocks * BLOCK_BYTES
                self._blocks += blocks
                at += plain + secret
        return pieces, _encryption_boxes(about, subsamples)

    def _secret_bytes(self, units: Sequence[AccessUnit], cut: Sequence[Sequence[tuple[int, int]]]) -> memoryview:
        """Encrypt what is to be, of all samples, each part filled up to whole blocks."""
        pieces: list[Buffer] = []
        for unit, parts in zip(units, cut, strict=True):
            data, at = memoryview(unit.data), 0
            for plain, secret in parts:
                at += plain
                pieces.append(data[at : at + secret])
                if secret % BLOCK_BYTES:  # only at the end of a sample that is encrypted as a whole
                    pieces.append(bytes(-secret % BLOCK_BYTES))
                at += secret
        counter = self._iv + self._blocks.to_bytes(8, "big")
        return memoryview(Cipher(AES(self._key), CTR(counter)).encryptor().update(b"".join(pieces)))

    def _parts(self, unit: AccessUnit) -> list[tuple[int, int]]:
        """How many bytes of a sample stay as they are, and how many behind them are encrypted; again and again.

        Of each NAL unit the length and the header stay, and so many bytes that the rest is whole blocks.
        """
        size = len(unit.data)
        if self._keyframes_only and not unit.keyframe:
            return _plain(size)
        if self._nal_header is None:
            return [(0, size)]
        parts: list[tuple[int, int]] = []
        at, kept = 0, 0
        while at + 4 <= size:
            behind = min(size, at + 4 + int.from_bytes(unit.data[at : at + 4], "big"))
            secret = max(0, behind - at - 4 - self._nal_header) // BLOCK_BYTES * BLOCK_BYTES
            kept += behind - at - secret
            if secret and kept <= 0xFFFF:
                parts.append((kept, secret))
                kept = 0
            elif secret:  # a run of clear bytes too long for one entry
                parts += _plain(kept)[:-1]
                parts.append((_plain(kept)[-1][0], secret))
                kept = 0
            at = behind
        kept += size - at
        if kept or not parts:
            parts += _plain(kept)
        return parts


def _plain(size: int) -> list[tuple[int, int]]:
    whole, rest = divmod(size, 0xFFFF)
    return [(0xFFFF, 0)] * whole + [(rest, 0)]


def _encryption_boxes(about: Sequence[bytes], subsamples: bool) -> bytes:
    """`saiz`, `saio` and `senc`; the offset in `saio` is filled in by whoever knows where the boxes stand."""
    senc = full_box(b"senc", 0, _SUBSAMPLES if subsamples else 0, struct.pack(">I", len(about)), *about)
    sizes = [len(info) for info in about]
    if max(sizes) > 0xFF:
        return senc  # more than `saiz` can say; readers of `senc` need no more
    same = min(sizes) == max(sizes)
    table = b"" if same else bytes(sizes)
    saiz = full_box(b"saiz", 0, 0, struct.pack(">BI", sizes[0] if same else 0, len(sizes)), table)
    return saiz + _SAIO + senc


_SAIO = full_box(b"saio", 0, 0, struct.pack(">II", 1, 0))


def placed(boxes: bytes, offset: int) -> bytes:
    """Fill in where, from the beginning of `moof`, the boxes of `SampleCipher.encrypt` come to stand."""
    at = boxes.find(_SAIO)
    if at < 0:
        return boxes
    first = offset + at + len(_SAIO) + 16  # behind the header, flags and count of `senc`
    return boxes[:at] + _SAIO[:-4] + struct.pack(">I", first) + boxes[at + len(_SAIO) :]


@dataclass(frozen=True, slots=True)
class SampleKeying:
    """What `senc` says of one sample: its initialization vector, and the parts of it, none where all is encrypted."""

    iv: bytes
    parts: tuple[tuple[int, int], ...] | None


def read_keying(data: bytes, body: int, end: int) -> list[SampleKeying]:
    """Read the body of `senc`; raise Mp4Damaged where it does not fit."""
    if end - body < 8:
        raise Mp4Damaged("'senc' is cut short")
    flags, count = struct.unpack_from(">II", data, body)
    at, found = body + 8, []
    if count * _IV_BYTES > end - at:
        raise Mp4Damaged("'senc' is shorter than its samples")
    for _ in range(count):
        iv, parts = data[at : at + _IV_BYTES], None
        at += _IV_BYTES
        if flags & _SUBSAMPLES:
            if at + 2 > end:
                raise Mp4Damaged("'senc' is cut short")
            (number,) = struct.unpack_from(">H", data, at)
            at += 2
            if number > _MOST_SUBSAMPLES or at + 6 * number > end:
                raise Mp4Damaged("'senc' is shorter than its parts")
            values = struct.unpack_from(">" + "HI" * number, data, at)
            parts = tuple(zip(values[0::2], values[1::2], strict=True))
            at += 6 * number
        if len(iv) != _IV_BYTES:
            raise Mp4Damaged("'senc' is cut short")
        found.append(SampleKeying(iv, parts))
    if at != end:
        raise Mp4Damaged("'senc' has another size than its samples")
    return found


def decrypt(sample: bytes, keying: SampleKeying, key: bytes) -> bytes:
    """Return a sample as it was before; raise Mp4Damaged when the parts do not fill it."""
    parts = keying.parts
    if parts is None:
        return Cipher(AES(key), CTR(keying.iv)).decryptor().update(sample)
    if sum(plain + secret for plain, secret in parts) != len(sample):
        raise Mp4Damaged("the parts of an encrypted sample do not fill it")
    secret_bytes = sum(secret for _, secret in parts)
    if not secret_bytes:
        return sample
    pieces, at = [], 0
    for plain, secret in parts:
        pieces.append(sample[at + plain : at + plain + secret])
        at += plain + secret
    opened = Cipher(AES(key), CTR(keying.iv)).decryptor().update(b"".join(pieces))
    joined: list[bytes] = []
    at = position = 0
    for plain, secret in parts:
        joined += (sample[at : at + plain], opened[position : position + secret])
        at += plain + secret
        position += secret
    return b"".join(joined)
