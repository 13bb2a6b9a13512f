"""The seals of recordings as bytes: what each fragment says of itself and of the one before it (see FORMAT.md).

No I/O here. A seal stands behind the first box of what it seals (`prft` of a fragment), so that every other program
passes over it, and that a fragment which is whole has its seal.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.media.mp4.boxes import CHAIN_START_UUID, SEAL_UUID, Mp4Damaged, box, header_at
from common.media.mp4.protection import Buffer

VERSION = 1
SIGNED = 1  # flag
HASH_BYTES = 32
KEY_BYTES, SIGNATURE_BYTES = 32, 64
HEAD_TAG, FRAGMENT_TAG, SIGNATURE_TAG = b"vedette segment 1\0", b"vedette fragment 1\0", b"vedette signature 1\0"
_START = struct.Struct(">BBI")  # version, flags, number
_UUID_BOX = struct.Struct(">I4s16s")
MOST_SEAL_BYTES = _UUID_BOX.size + _START.size + 3 * HASH_BYTES + 1 + 255 + KEY_BYTES + SIGNATURE_BYTES
_MOST_NAME_BYTES = 255

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """Where the chain of a segment stands: its start, how many fragments it has, and the hash of the last."""

    start_us: int
    fragments: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class GroomedFrom:
    """Which segment a thinned one was made of: the hash of its beginning, its fragments, and the end of its chain."""

    head: bytes
    fragments: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class ChainStart:
    """What the beginning of a sealed file says of its chain. `public_key`: empty where fragments are not signed.

    `previous` is None where a chain starts: the first segment of a track in a storage, or nothing is known of the one
    before. `groomed_from`: this file was made of another one with fewer pictures.
    """

    public_key: bytes = b""
    previous: ChainEnd | None = None
    groomed_from: GroomedFrom | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """What a fragment's seal says. `name`: `<device>/<track>/<start of the segment>`. `head`: hash of the beginning of
    its file. `previous`: the chain before it, `chain`: with it. Not signed: `public_key` and `signature` are empty."""

    number: int
    head: bytes
    previous: bytes
    name: str
    chain: bytes
    public_key: bytes = b""
    signature: bytes = b""

    @property
    def signed(self) -> bool:
        return bool(self.public_key)


def segment_name(device: str, track: str, start_us: int) -> str:
    """How seals name a segment."""
    return f"{device}/{track}/{start_us}"


def behind_first_box(data: bytes) -> int:
    """Where a seal belongs: behind the first box, which we wrote ourselves."""
    return int.from_bytes(data[:4], "big")


def chain_start_box(start: ChainStart) -> bytes:
    """Make the box for the beginning of a file."""
    about: dict[str, object] = {"version": VERSION, "hash": "sha256", "public_key": start.public_key.hex()}
    before, groomed = start.previous, start.groomed_from
    if before is not None:
        about["previous"] = {"start_us": before.start_us, "fragments": before.fragments, "chain": before.chain.hex()}
    if groomed is not None:
        head, chain = groomed.head.hex(), groomed.chain.hex()
        about["groomed_from"] = {"head": head, "fragments": groomed.fragments, "chain": chain}
    return box(b"uuid", CHAIN_START_UUID, json.dumps(about).encode())


def chain_start(head: bytes) -> ChainStart | None:
    """Read what the beginning of a file says of its chain; None where it is not sealed. Raises Mp4Damaged."""
    body = _uuid_body(head, CHAIN_START_UUID)
    if body is None:
        return None
    try:
        about = json.loads(body)
        before, groomed = about.get("previous"), about.get("groomed_from")
        if about["version"] != VERSION or about["hash"] != "sha256":
            raise Mp4Damaged(f"seals of version {about['version']} with {about['hash']}")
        return ChainStart(
            bytes.fromhex(about["public_key"]),
            None
            if before is None
            else ChainEnd(int(before["start_us"]), int(before["fragments"]), bytes.fromhex(before["chain"])),
            None
            if groomed is None
            else GroomedFrom(
                bytes.fromhex(groomed["head"]), int(groomed["fragments"]), bytes.fromhex(groomed["chain"])
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Mp4Damaged(f"the start of the chain cannot be read: {error}") from error


def without_chain_start(head: bytes) -> bytes:
    """The beginning of a file without what it says of its chain."""
    place = _uuid_box(head, CHAIN_START_UUID)
    return head if place is None else head[: place[0]] + head[place[1] :]


def _uuid_body(data: bytes, uuid: bytes) -> bytes | None:
    """The body of the first `uuid` box of this kind among the boxes of `data`."""
    place = _uuid_box(data, uuid)
    return None if place is None else data[place[0] + _UUID_BOX.size : place[1]]


def _uuid_box(data: bytes, uuid: bytes) -> tuple[int, int] | None:
    """Where the first `uuid` box of this kind is among the boxes of `data`."""
    at = 0
    while (found := header_at(data, at, len(data))) is not None:
        kind, header, size = found
        if kind == b"uuid" and header == 8 and data[at + header : at + header + 16] == uuid:
            return at, at + size
        at += size
    return None


def head_hash(head: bytes) -> bytes:
    """The hash of a file's beginning, up to its first fragment. The chain starts from it."""
    return hashlib.sha256(HEAD_TAG + head).digest()


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs seals. `sign` makes an Ed25519 signature (RFC 8032); it is called on any thread."""

    public_key: bytes
    sign: Sign


def seal_at(fragment: bytes) -> tuple[int, int] | None:
    """Where the seal is in a fragment, or in its first bytes: start and end of the box. None: it has none."""
    first = header_at(fragment, 0, len(fragment))
    if first is None:
        return None
    at = first[2]
    found = header_at(fragment, at, len(fragment))
    if found is None or found[0] != b"uuid" or found[1] != 8 or at + found[2] > len(fragment):
        return None
    if fragment[at + 8 : at + 24] != SEAL_UUID:
        return None
    return at, at + found[2]


def read_seal(data: bytes) -> Seal:
    """Read a seal's box; raise Mp4Damaged when it is none that we write."""
    body = data[_UUID_BOX.size :]
    fixed = _START.size + 2 * HASH_BYTES
    if len(body) <= fixed:
        raise Mp4Damaged("the seal is too short")
    version, flags, number = _START.unpack_from(body)
    behind_name = fixed + 1 + body[fixed]
    end = behind_name + HASH_BYTES + (KEY_BYTES + SIGNATURE_BYTES if flags & SIGNED else 0)
    if version != VERSION or flags & ~SIGNED or len(body) != end:
        raise Mp4Damaged("the seal is of another version or size than we write")
    try:
        name = body[fixed + 1 : behind_name].decode()
    except UnicodeDecodeError as error:
        raise Mp4Damaged("the seal names no segment") from error
    behind_chain = behind_name + HASH_BYTES
    head, previous = body[_START.size : _START.size + HASH_BYTES], body[_START.size + HASH_BYTES : fixed]
    public_key, signature = body[behind_chain : behind_chain + KEY_BYTES], body[behind_chain + KEY_BYTES :]
    return Seal(number, head, previous, name, body[behind_name:behind_chain], public_key, signature)


def sealed_about(data: bytes) -> bytes:
    """The part of a seal's box that the chain's hash covers, besides the fragment: all before the hash itself."""
    body = data[_UUID_BOX.size :]
    fixed = _START.size + 2 * HASH_BYTES
    return body[: fixed + 1 + body[fixed]]


def signed_message(data: bytes) -> bytes:
    """What the signature in a seal's box signs."""
    about = sealed_about(data)
    return SIGNATURE_TAG + data[_UUID_BOX.size : _UUID_BOX.size + len(about) + HASH_BYTES]


class SegmentSealer:
    """Seals one segment while it is written. For one thread.

    `seal` a fragment, and say `written` when it is in the file: one that could not be written leaves no trace.
    """

    def __init__(self, name: str, start_us: int, signer: Signer | None) -> None:
        self._name = name.encode()
        if len(self._name) > _MOST_NAME_BYTES:
            raise Mp4Damaged(f"the name of a segment is longer than {_MOST_NAME_BYTES} bytes")
        self._start_us = start_us
        self.signer = signer
        self._head = self._chain = self._next = b""
        self._fragments = 0

    @property
    def end(self) -> ChainEnd | None:
        """Where the chain stands; None before the first fragment."""
        return ChainEnd(self._start_us, self._fragments, self._chain) if self._fragments else None

    def begin(self, head: bytes, previous: ChainEnd | None, groomed_from: GroomedFrom | None = None) -> bytes:
        """Return the beginning of the file with the start of its chain in it."""
        public_key = self.signer.public_key if self.signer is not None else b""
        start = chain_start_box(ChainStart(public_key, previous, groomed_from))
        at = behind_first_box(head)
        sealed = head[:at] + start + head[at:]
        self._head = self._chain = head_hash(sealed)
        return sealed

    def seal(self, parts: Sequence[Buffer]) -> list[Buffer]:
        """Return the parts of a fragment with its seal among them. `parts[0]` holds all of `prft`."""
        about = _START.pack(VERSION, 0 if self.signer is None else SIGNED, self._fragments + 1)
        about += self._head + self._chain + bytes((len(self._name),)) + self._name
        digest = hashlib.sha256(FRAGMENT_TAG + about)
        for part in parts:
            digest.update(part)  # without the interpreter's lock when it is larger than 2 kB
        self._next = digest.digest()
        signed = b""
        if self.signer is not None:
            signed = self.signer.public_key + self.signer.sign(SIGNATURE_TAG + about + self._next)
        made = box(b"uuid", SEAL_UUID, about, self._next, signed)
        header = bytes(parts[0])
        at = behind_first_box(header)
        return [header[:at] + made + header[at:], *parts[1:]]

    def written(self) -> None:
        """The fragment that was sealed last is in the file."""
        self._fragments += 1
        self._chain = self._next
