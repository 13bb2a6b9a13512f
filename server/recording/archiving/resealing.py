"""Seals of a segment that is made of another with fewer pictures: the old ones are checked, new ones say of what.

A segment whose seals do not hold must not get new ones: then it is moved as it is, with what proves the damage.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.protection import Buffer
from common.media.mp4.reader import Fragment, Scan
from server.recording.mediadb.chains import seal_of
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.seals import (
    GroomedFrom,
    SegmentSealer,
    Signer,
    chain_start,
    head_hash,
    without_chain_start,
)
from server.recording.proof.fragments import BytesFile, check_fragment


class Resealing:
    """The seals of one segment on its way, the old and the new. Everything raises Mp4Damaged where the old do not hold.

    Where the segment has none, it gets none. One that was not signed when it was recorded is not signed now.
    """

    def __init__(
        self,
        file: ReadableFile,
        head: bytes,
        scan: Scan,
        start_us: int,
        *,
        signer: Signer | None,
        renewed: Callable[[bytes], bytes] = lambda head: head,
    ) -> None:
        """`head`: the beginning of the old file. `start_us`: the start of the segment, as its file is named. `renewed`
        makes the new file's beginning, without seals, of the old one's."""
        self._old_head = head_hash(head)
        self._number = 0
        self._chain = self._old_head
        self._sealer: SegmentSealer | None = None
        self.head = renewed(head)
        start = chain_start(head)
        if start is None:
            return
        last = seal_of(file.read, scan.fragments[-1].offset) if scan.fragments else None
        if last is None or scan.skipped_bytes or last.number != len(scan.fragments):
            raise Mp4Damaged("its seals do not hold: fragments are missing or cannot be read")
        if start.public_key and signer is None:
            raise Mp4Damaged("it is signed, and cannot be signed again: there is no key")
        self._sealer = SegmentSealer(last.name, start_us, signer if start.public_key else None)
        groomed = start.groomed_from or GroomedFrom(self._old_head, last.number, last.chain)
        self.head = self._sealer.begin(without_chain_start(self.head), start.previous, groomed)

    def read(self, fragment: Fragment, data: bytes) -> None:
        """Check an old fragment, one after the other."""
        if self._sealer is None:
            return
        checked = check_fragment(BytesFile(data), replace(fragment, offset=0), 0, 0)
        seal = checked.seal
        self._number += 1
        right = seal is not None and (seal.number, seal.head, seal.previous) == (
            self._number,
            self._old_head,
            self._chain,
        )
        if seal is None or checked.fault or not right:
            raise Mp4Damaged(f"its seals do not hold: {checked.fault or 'a fragment is not in its place'}")
        self._chain = seal.chain

    def sealed(self, parts: Sequence[Buffer]) -> bytes:
        """A new fragment, with its seal."""
        if self._sealer is not None:
            parts = self._sealer.seal(parts)
            self._sealer.written()
        return b"".join(parts)
