"""Checks that no segment of a track is missing, cut off at its end or exchanged, by what the next one says of it."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from common.foundation.clock import UtcUs, iso_utc
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import read_init, scan_fragments
from server.recording.mediadb.chains import seal_of
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.seals import ChainEnd
from server.recording.proof.findings import Finding, Kind, SegmentReport

Kept = Callable[[str, str, int, int], bool]
"""Whether an evidence lock keeps what a device recorded in `start <= t < end`; the path is that of a segment."""
Open = Callable[[str], ReadableFile]
"""Opens the segment of a report."""


class TrackLinks:
    """The borders between the segments of one track; `findings` and `notes` say what does not fit.

    A missing segment is told from one that retention deleted, or the archiver took: these begin with the oldest, and
    pass over what an evidence lock keeps.
    """

    def __init__(self, reports: Iterable[SegmentReport], starts: Sequence[int], kept: Kept, open_file: Open) -> None:
        """`reports`: of the segments that were looked at. `starts`: of all of the track that are there."""
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self._kept = kept
        self._open = open_file
        self._starts = sorted(starts)
        self._here = frozenset(starts)
        self._known = {report.start_us: report for report in reports}
        for report in sorted(self._known.values(), key=lambda one: one.start_us):
            if report.chain_start is not None:
                self._check(report, report.chain_start.previous)

    def _check(self, report: SegmentReport, link: ChainEnd | None) -> None:
        older = bisect_left(self._starts, report.start_us)
        if link is None:
            if older:
                self.notes.append(f"{report.path}: a new chain starts here, which vouches for nothing before it")
        elif (before := self._known.get(link.start_us)) is not None:
            self._compare(before, link, report)
        elif link.start_us not in self._here:
            if older:
                self._hole(report, link, self._known.get(self._starts[older - 1]))
            else:
                self.notes.append(f"{report.path}: the chain begins here; what was before it was archived or deleted")

    def _hole(self, report: SegmentReport, link: ChainEnd, older: SegmentReport | None) -> None:
        """A segment is gone, although an older one is still there."""
        if older is not None and self._kept(older.path, report.device, older.start_us, older.end_us):
            when = iso_utc(UtcUs(link.start_us))
            self.notes.append(f"{report.path}: the segment from {when} is gone; an evidence lock kept older ones")
            return
        gone = _beside(report, link.start_us)
        why = f"this segment of {link.fragments} fragments is in no place that was named; {report.path} follows it"
        span, numbers = (link.start_us, report.start_us), (1, link.fragments)
        self.findings.append(Finding(Kind.MISSING, report.device, report.track, *span, gone, why, *numbers))

    def _compare(self, before: SegmentReport, link: ChainEnd, after: SegmentReport) -> None:
        """Compare a segment with what the next one says of it."""
        if not before.is_sealed:
            self._found(before, Kind.NOT_SEALED, f"it has no seals, but had them when {after.path} was begun")
        elif before.chain_start is None:
            pass  # its beginning was changed, which was reported
        elif (groomed := before.chain_start.groomed_from) is not None:
            if groomed.fragments == link.fragments and groomed.chain != link.chain:
                self._found(before, Kind.REPLACED, f"it was made of another recording than {after.path} continues")
        elif before.accounted < link.fragments:
            gone = link.fragments - before.accounted
            why = f"{gone} fragments at its end are gone: there were {link.fragments} when {after.path} was begun"
            span, numbers = (before.end_us, max(before.end_us, after.start_us)), (before.accounted + 1, link.fragments)
            self.findings.append(Finding(Kind.MISSING, before.device, before.track, *span, before.path, why, *numbers))
        elif before.last >= link.fragments:
            same = before.last == link.fragments
            chain = before.last_chain if same else self._chain_of(before.path, link.fragments)
            if chain is not None and chain != link.chain:
                self._found(before, Kind.REPLACED, f"{after.path} continues another recording: it was sealed anew")

    def _found(self, report: SegmentReport, kind: Kind, why: str) -> None:
        self.findings.append(Finding(kind, report.device, report.track, *report.span, report.path, why))

    def _chain_of(self, path: str, number: int) -> bytes | None:
        """What the seal of a fragment says, where more was recorded behind it than the next segment knew of."""
        try:
            with self._open(path) as file:
                init = read_init(file.read)
                for fragment in scan_fragments(file.read, init.size_bytes, file.size_bytes()).fragments:
                    seal = seal_of(file.read, fragment.offset)
                    if seal is not None and seal.number == number:
                        return seal.chain
        except (OSError, Mp4Damaged, StorageError):
            pass  # reported when the file itself was looked at
        return None


def _beside(report: SegmentReport, start_us: int) -> str:
    """Where another segment of the same track would be; empty where that cannot be said."""
    key = TrackKey(DeviceId(report.device), TrackName(report.track))
    if "://" in report.path:
        return f"{report.path.rsplit('/', 4)[0]}/{segment_path(Path(), key, UtcUs(start_us)).as_posix()}"
    path = Path(report.path).absolute()
    return str(segment_path(path.parents[3], key, UtcUs(start_us))) if len(path.parents) > 3 else ""
