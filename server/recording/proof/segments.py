"""Checks one segment against the seals in it: names every fragment that is not as it was recorded, and no other."""

from collections import Counter
from dataclasses import dataclass

from common.foundation.clock import US_PER_S, UtcUs, iso_utc
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import InitSegment, Scan, read_init, scan_fragments
from common.media.mp4.writer import ticks_to_us
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.seals import chain_start, head_hash, segment_name
from server.recording.mediadb.trailer import read_trailer
from server.recording.proof.findings import Kind, SegmentReport, Trust
from server.recording.proof.fragments import Checked, check_fragment
from server.recording.proof.order import in_place

_ANY_TIMESCALE = 90_000
_MOST_CLOCK_ERROR_US = 3600 * US_PER_S


@dataclass(frozen=True, slots=True)
class Place:
    """Which segment a file should be, by its path; empty and 0 where that says nothing. `fragments`, `end_us`: what the
    index knows of it, 0 where it does not."""

    path: str
    device: str = ""
    track: str = ""
    start_us: int = 0
    in_use: bool = False
    fragments: int = 0
    end_us: int = 0

    @property
    def name(self) -> str:
        return segment_name(self.device, self.track, self.start_us) if self.device else ""


def verify_segment(file: ReadableFile, place: Place, trust: Trust) -> SegmentReport:
    """Look at every byte of a segment. Raises OSError; damage is reported."""
    return _Verification(file, place, trust).report


class _Verification:
    """One segment. `report` is complete when it is made."""

    def __init__(self, file: ReadableFile, place: Place, trust: Trust) -> None:
        self._file = file
        self._place = place
        self._trust = trust
        self._size = file.size_bytes()
        self._said_name = ""  # what the beginning of the file says that it is
        self._foreign = False  # the file is another's; what it continues says nothing about its neighbours here
        self.report = SegmentReport(
            place.path, place.device, place.track, place.start_us, place.start_us, in_use=place.in_use
        )
        init = self._read_init()
        scan = scan_fragments(file.read, 0, self._size, finished=not place.in_use)
        trailer = None if place.in_use else read_trailer(file.read, self._size)
        self._media_end = self._size if trailer is None else trailer[1]
        self._known, self._end_us = place.fragments, place.end_us
        if trailer is not None:
            self._known = max(self._known, _fragments_in(trailer[0].blob))
            self._end_us = trailer[0].end
        self._items = self._check_all(init, scan)
        self._head_bytes = self._end_of_head(init)
        self._name(init)
        if not any(item.has_seal for item in self._items) and not self._head_is_sealed():
            self._not_sealed(init)
            return
        self.report.is_sealed = True
        self._judge(self._own())
        if self._foreign:
            self.report.chain_start = None
        if trailer is None and not place.in_use:
            self.report.notes.append("its writer did not finish it: it was stopped, or the end was cut off")

    # reading

    def _read_init(self) -> InitSegment | None:
        try:
            return read_init(self._file.read)
        except Mp4Damaged:
            return None

    def _check_all(self, init: InitSegment | None, scan: Scan) -> list[Checked]:
        start = self._place.start_us or (init.info.start_utc_us if init is not None and init.info is not None else 0)
        timescale = _ANY_TIMESCALE if init is None else init.config.timescale
        items: list[Checked] = []
        for fragment in scan.fragments:
            expected = start + ticks_to_us(fragment.dts, timescale)
            # Its own wall time counts, unless that was damaged: then nobody would find it by such a time.
            begin = (
                fragment.utc_us if not start or abs(fragment.utc_us - expected) <= _MOST_CLOCK_ERROR_US else expected
            )
            end = begin + ticks_to_us(fragment.duration_ticks, timescale)
            items.append(check_fragment(self._file, fragment, begin, end))
        report = self.report
        report.fragments = len(items)
        report.start_us = report.start_us or (items[0].start_us if items else 0)
        report.end_us = max([report.start_us, *(item.end_us for item in items)])
        return items

    def _end_of_head(self, init: InitSegment | None) -> int:
        """Where the beginning of the file ends; what it says of itself counts only when the seals say the same."""
        first = self._items[0] if self._items else None
        if first is None:
            return 0 if init is None else init.size_bytes
        if init is None or init.size_bytes > first.fragment.offset:
            return first.fragment.offset if first.number == 1 else 0
        if first.seal is None or first.number != 1 or first.fault:
            return init.size_bytes
        same = head_hash(self._file.read(0, init.size_bytes)) == first.seal.head
        return init.size_bytes if same else first.fragment.offset

    def _name(self, init: InitSegment | None) -> None:
        """Where the path does not say which segment it is, the file itself does."""
        report = self.report
        if init is not None and init.info is not None:
            self._said_name = segment_name(init.info.device, init.info.track, init.info.start_utc_us)
        if not report.device and init is not None and init.info is not None:
            report.device, report.track, report.start_us = init.info.device, init.info.track, init.info.start_utc_us

    def _head_is_sealed(self) -> bool:
        try:
            return chain_start(self._file.read(0, self._head_bytes)) is not None
        except Mp4Damaged:
            return True

    def _not_sealed(self, init: InitSegment | None) -> None:
        if init is None:
            self.report.found(Kind.UNREADABLE, "nothing in this file can be read", self.report.span)
        self.report.accounted = self.report.fragments

    # what belongs here

    def _own(self) -> list[Checked]:
        """The fragments that are what was sealed, for this file."""
        report = self.report
        whole = [item for item in self._items if not item.fault]
        name = self._own_name(whole)
        heads = Counter(item.seal.head for item in whole if item.seal is not None and item.seal.name == name)
        head = self._file.read(0, self._head_bytes)
        report.head = head_hash(head) if head else b""
        if heads and report.head not in heads:
            report.head = heads.most_common(1)[0][0]
            why = "the beginning of the file, which says how to decode it, is not the one that was recorded"
            report.found(Kind.HEAD, why, report.span)
        elif not head:
            report.found(Kind.UNREADABLE, "nothing in this file can be read", report.span)
        elif heads:
            try:
                report.chain_start = chain_start(head)
            except Mp4Damaged as damaged:
                report.found(Kind.HEAD, str(damaged), report.span)
        key = report.chain_start.public_key if report.chain_start is not None else None
        own: list[Checked] = []
        for item in self._items:
            seal = item.seal
            if item.fault or seal is None:
                continue  # blamed when it is known what stands around it
            if seal.name != name:
                self._blame(item, Kind.FOREIGN, f"it is {_told(seal.name)}")
            elif seal.head != report.head:
                self._blame(item, Kind.FOREIGN, "it was recorded into another file of the same name")
            elif key is not None and seal.public_key != key:
                self._blame(item, Kind.WRONG_KEY, "it was not sealed with the key of its file")
            else:
                own.append(item)
        return own

    def _own_name(self, whole: list[Checked]) -> str:
        report = self.report
        expected = segment_name(report.device, report.track, self._place.start_us or report.start_us)
        names = Counter(item.seal.name for item in whole if item.seal is not None)
        if not names or expected in names or self._said_name == expected:
            return expected
        actual = names.most_common(1)[0][0]
        if report.device:
            self._foreign = True
            report.found(Kind.FOREIGN, f"this file is {_told(actual)}", report.span)
        else:
            report.device, report.track = [*actual.split("/"), "", ""][:2]
        return actual

    def _blame(self, item: Checked, kind: Kind, why: str) -> None:
        self.report.found(kind, why, (item.start_us, item.end_us), (item.number, item.number))

    # whether all of it is there, in its order

    def _judge(self, own: list[Checked]) -> None:
        kept = [own[position] for position in in_place([item.number for item in own])]
        staying = {id(item) for item in kept}
        here = {item.number for item in kept}
        moved: set[int] = set()
        for item in own:
            if id(item) in staying:
                continue
            if item.number in here:
                self._blame(item, Kind.OUT_OF_PLACE, f"it is a copy of fragment {item.number}")
            else:
                moved.add(item.number)
                self._blame(item, Kind.OUT_OF_PLACE, f"it belongs behind fragment {item.number - 1}")
        self._check_links(kept)
        before: Checked | None = None
        for item in kept:
            self._between(before, item, moved)
            before = item
        self._behind(before, moved)
        self._count(kept)

    def _check_links(self, kept: list[Checked]) -> None:
        before: Checked | None = None
        for item in kept:
            seal = item.seal
            assert seal is not None  # own
            if seal.number == 1 and seal.previous != self.report.head:
                self._blame(item, Kind.REPLACED, "it was sealed for another beginning of the file")
            if (
                before is not None
                and before.seal is not None
                and before.number + 1 == item.number
                and seal.previous != before.seal.chain
            ):
                self._blame(before, Kind.REPLACED, "the fragment behind it was recorded after another one")
            before = item

    def _between(self, before: Checked | None, item: Checked, moved: set[int]) -> None:
        """What is changed, missing or too much between two good fragments that follow each other in the file."""
        first = 1 if before is None else before.number + 1
        begin = self._head_bytes if before is None else before.fragment.end_offset
        start_us = self.report.start_us if before is None else before.end_us
        missing = range(first, item.number)
        faulty, junk = self._others(begin, item.fragment.offset)
        self._blame_faulty(faulty, missing, (start_us, item.start_us))
        gone = len(missing) - len(faulty) - sum(1 for number in moved if number in missing)
        if gone > 0:
            self._missing(missing, gone, junk, (start_us, item.start_us))
        elif junk and not missing and (before is not None or self._head_bytes):
            self._blame(item, Kind.INSERTED, f"{junk} bytes before it were not recorded")

    def _behind(self, before: Checked | None, moved: set[int]) -> None:
        """What is changed or missing at the end, as far as the index or the file's own trailer know how much there
        was."""
        report = self.report
        last = 0 if before is None else before.number
        begin = self._head_bytes if before is None else before.fragment.end_offset
        start_us = report.start_us if before is None else before.end_us
        faulty, junk = self._others(begin, self._media_end)
        missing = range(last + 1, max(self._known, last + len(faulty)) + 1)
        duration_us = sum(item.end_us - item.start_us for item in faulty)
        report.end_us = max(start_us, self._end_us or start_us + duration_us)
        self._blame_faulty(faulty, missing, (start_us, report.end_us))
        gone = len(missing) - len(faulty) - sum(1 for number in moved if number in missing)
        if gone > 0:
            self._missing(missing, gone, junk, (start_us, report.end_us))
        elif junk and not self._place.in_use:
            report.notes.append(f"{junk} bytes at its end are no whole fragment")
        report.accounted = last + len(missing)

    def _others(self, begin: int, end: int) -> tuple[list[Checked], int]:
        """The fragments in a part of the file that are not what was sealed, and how many bytes are no fragment."""
        between = [item for item in self._items if begin <= item.fragment.offset < end]
        junk = end - begin - sum(item.fragment.size_bytes for item in between)
        return [item for item in between if item.fault], junk

    def _blame_faulty(self, faulty: list[Checked], missing: range, span: tuple[int, int]) -> None:
        """Name changed fragments by what stands around them: what they say of themselves may be what was changed."""
        for place, item in enumerate(faulty):
            number = item.number if item.number in missing else 0
            start_us, end_us = (min(max(each, span[0]), max(span)) for each in (item.start_us, item.end_us))
            if len(faulty) == len(missing):
                number = missing[place]
                if len(faulty) == 1:
                    start_us, end_us = span
            kind = Kind.CHANGED if item.has_seal else Kind.NOT_SEALED
            self.report.found(kind, item.fault, (start_us, max(start_us, end_us)), (number, number))

    def _missing(self, missing: range, gone: int, junk: int, span: tuple[int, int]) -> None:
        what = "1 fragment" if gone == 1 else f"{gone} fragments"
        kind, why = Kind.MISSING, f"{what} that stood here can no longer be found"
        if junk:
            kind, why = Kind.UNREADABLE, f"{what} cannot be read: {junk} bytes are no fragment any more"
        self.report.found(kind, why, (span[0], max(span)), (missing[0], missing[-1]))

    def _count(self, kept: list[Checked]) -> None:
        report = self.report
        blamed = {finding.first for finding in report.findings if finding.kind is Kind.REPLACED}
        faults: Counter[str] = Counter()
        for item in kept:
            seal = item.seal
            if seal is None or item.number in blamed:
                continue
            if fault := self._trust.fault(seal.public_key):
                faults[fault] += 1
                continue
            report.good += 1
            if seal.signed:
                report.signed += 1
                report.keys[seal.public_key] = report.keys.get(seal.public_key, 0) + 1
        for fault, count in faults.items():
            why = f"{count} of its fragments: {fault}"
            report.found(Kind.WRONG_KEY, why, report.span)
        if kept and kept[-1].seal is not None and kept[-1].number not in blamed:
            report.last, report.last_chain = kept[-1].number, kept[-1].seal.chain


def _fragments_in(blob: bytes) -> int:
    try:
        return len(unpack_table(blob).starts)
    except Mp4Damaged:
        return 0


def _told(name: str) -> str:
    """A segment's name in words."""
    device, _, rest = name.partition("/")
    track, _, start = rest.partition("/")
    when = iso_utc(UtcUs(int(start))) if start.lstrip("-").isdecimal() and len(start) < 18 else start
    return f"a recording of device {device}, track {track}, from {when}"
