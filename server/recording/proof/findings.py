"""What a verification says: what was found, where, when it was recorded, and why it does not hold."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from common.foundation.clock import UtcUs, iso_utc
from server.recording.mediadb.seals import ChainStart
from server.recording.proof.signing import fingerprint


class Kind(StrEnum):
    """What is wrong with a part of a recording."""

    CHANGED = "changed"  # other bytes than those that were sealed
    NOT_SEALED = "not_sealed"  # a fragment without seal among sealed ones
    WRONG_KEY = "wrong_key"  # not signed, or with a key that is not the recorder's
    FOREIGN = "foreign"  # of another device, time or recording
    OUT_OF_PLACE = "out_of_place"  # moved, or there twice
    REPLACED = "replaced"  # sealed anew: what follows was recorded after something else
    MISSING = "missing"  # sealed once, and not there
    UNREADABLE = "unreadable"  # its bytes are there, and are no fragment any more
    INSERTED = "inserted"  # bytes that no recorder wrote
    HEAD = "head"  # the beginning of the file was changed


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was recorded. `first`..`last`: numbers of fragments, 0 where the whole file is
    meant."""

    kind: Kind
    device: str
    track: str
    start_us: int
    end_us: int
    path: str
    why: str
    first: int = 0
    last: int = 0

    def listed(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind.value,
            "device": self.device,
            "track": self.track,
            "from": iso_utc(UtcUs(self.start_us)),
            "to": iso_utc(UtcUs(self.end_us)),
            "start_us": self.start_us,
            "end_us": self.end_us,
            "path": self.path,
            "fragments": [self.first, self.last] if self.first else None,
            "why": self.why,
        }


@dataclass(slots=True)
class SegmentReport:
    """What a segment's own bytes prove. `good`: fragments that are what was sealed; `signed`: of these, how many a
    signature vouches for.

    `accounted`: the highest number of a fragment that was found or is reported as missing. `last`, `last_chain`: the
    last good fragment. `chain_start`: None where the file is not sealed, or its beginning cannot be trusted.
    """

    path: str
    device: str
    track: str
    start_us: int
    end_us: int
    in_use: bool = False
    is_sealed: bool = False
    fragments: int = 0
    good: int = 0
    signed: int = 0
    keys: dict[bytes, int] = field(default_factory=dict)
    accounted: int = 0
    last: int = 0
    last_chain: bytes = b""
    head: bytes = b""
    chain_start: ChainStart | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def span(self) -> tuple[int, int]:
        """From when to when."""
        return self.start_us, self.end_us

    def found(self, kind: Kind, why: str, span: tuple[int, int], numbers: tuple[int, int] = (0, 0)) -> None:
        """Add a finding about this segment."""
        self.findings.append(Finding(kind, self.device, self.track, *span, self.path, why, *numbers))


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count, by fingerprint. `keys` None: anybody's, and they are only listed. `must_be_signed`: a
    fragment without a signature is a finding."""

    keys: frozenset[str] | None = None
    must_be_signed: bool = False

    def fault(self, public_key: bytes) -> str:
        """Why a fragment signed with this key (empty: not signed) does not count; empty when it does."""
        if not public_key:
            return "it is not signed" if self.must_be_signed else ""
        if self.keys is not None and fingerprint(public_key) not in self.keys:
            return f"it was signed with the unknown key {fingerprint(public_key)}"
        return ""
