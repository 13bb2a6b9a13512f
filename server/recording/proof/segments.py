"""Checks one segment against the seals in it: names every fragment that is not as it was recorded, and no other."""

from collections import Counter

from common.foundation.clock import UtcUs, iso_utc
from common.media.mp4.boxes import Mp4Damaged
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.seals import chain_start, head_hash, segment_name
from server.recording.proof.contents import Place, SegmentContents
from server.recording.proof.findings import Kind, SegmentReport, Trust
from server.recording.proof.fragments import Checked
from server.recording.proof.order import in_place


def verify_segment(file: ReadableFile, place: Place, trust: Trust) -> SegmentReport:
    """Look at every byte of a segment. Raises OSError; damage is reported."""
    return _Verification(SegmentContents(file, place), place, trust).report


class _Verification:
    """One segment. `report` is complete when it is made."""

    def __init__(self, contents: SegmentContents, place: Place, trust: Trust) -> None:
        self._contents = contents
        self._place = place
        self._trust = trust
        self._foreign = False  # the file is another's; what it continues says nothing about its neighbours here
        self.report = self._begun()
        if contents.nothing_yet and not place.fragments:
            self.report.notes.append("nothing was recorded into it: its writer was stopped at once")
            return
        if not any(item.has_seal for item in contents.items) and not self._head_is_sealed():
            if not contents.understood:
                self.report.found(Kind.UNREADABLE, "this is no recording that can be read", self.report.span)
            self.report.accounted = self.report.fragments
            return
        self.report.is_sealed = True
        self._judge(self._own())
        if self._foreign:
            self.report.chain_start = None
        start = self.report.chain_start
        known_so = place.in_use or place.fragments or (start is not None and start.groomed_from)
        if not contents.finished and not known_so:
            self.report.notes.append("its writer did not finish it: it was stopped, or the end was cut off")

    def _begun(self) -> SegmentReport:
        """What it is by its path, or else by what it says of itself."""
        place, items = self._place, self._contents.items
        device, track, start_us = place.device, place.track, place.start_us
        if not device and self._contents.said is not None:
            device, track, start_us = self._contents.said
        start_us = start_us or (items[0].start_us if items else 0)
        end_us = max([start_us, *(item.end_us for item in items)])
        report = SegmentReport(place.path, device, track, start_us, end_us, in_use=place.in_use)
        report.fragments = len(items)
        return report

    def _head_is_sealed(self) -> bool:
        try:
            return chain_start(self._contents.head) is not None
        except Mp4Damaged:
            return True

    # what belongs here

    def _own(self) -> list[Checked]:
        """The fragments that are what was sealed, for this file."""
        report = self.report
        whole = [item for item in self._contents.items if not item.fault]
        name = self._own_name(whole)
        heads = Counter(item.seal.head for item in whole if item.seal is not None and item.seal.name == name)
        head = self._contents.head
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
        for item in self._contents.items:
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
        if not names or expected in names or self._contents.said_name == expected:
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
                where = f"behind fragment {item.number - 1}" if item.number > 1 else "at the beginning"
                self._blame(item, Kind.OUT_OF_PLACE, f"it belongs {where}")
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
        begin = len(self._contents.head) if before is None else before.fragment.end_offset
        start_us = self.report.start_us if before is None else before.end_us
        missing = range(first, item.number)
        faulty, junk = self._contents.between(begin, item.fragment.offset)
        self._blame_faulty(faulty, missing, (start_us, item.start_us))
        gone = len(missing) - len(faulty) - sum(1 for number in moved if number in missing)
        if gone > 0:
            self._missing(missing, gone, junk, (start_us, item.start_us))
        elif junk and not missing and (before is not None or self._contents.head):
            self._blame(item, Kind.INSERTED, f"{junk} bytes before it were not recorded")

    def _behind(self, before: Checked | None, moved: set[int]) -> None:
        """What is changed or missing at the end, as far as the index or the file's own trailer know how much there
        was."""
        report = self.report
        last = 0 if before is None else before.number
        begin = len(self._contents.head) if before is None else before.fragment.end_offset
        start_us = report.start_us if before is None else before.end_us
        faulty, junk = self._contents.between(begin, self._contents.media_end)
        missing = range(last + 1, max(self._contents.known, last + len(faulty)) + 1)
        duration_us = sum(item.end_us - item.start_us for item in faulty)
        report.end_us = max(start_us, self._contents.end_us or start_us + duration_us)
        self._blame_faulty(faulty, missing, (start_us, report.end_us))
        gone = len(missing) - len(faulty) - sum(1 for number in moved if number in missing)
        if gone > 0:
            self._missing(missing, gone, junk, (start_us, report.end_us))
        elif junk and not self._place.in_use:
            report.notes.append(f"{junk} bytes at its end are no whole fragment")
        report.accounted = last + len(missing)

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


def _told(name: str) -> str:
    """A segment's name in words."""
    device, _, rest = name.partition("/")
    track, _, start = rest.partition("/")
    when = iso_utc(UtcUs(int(start))) if start.lstrip("-").isdecimal() and len(start) < 18 else start
    return f"a recording of device {device}, track {track}, from {when}"
