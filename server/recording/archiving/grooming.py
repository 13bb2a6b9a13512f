"""Rewriting a segment with fewer pictures. Times stay true: what is kept is shown when it was, and until the next."""

from collections.abc import Iterator
from typing import Protocol

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, CodecConfig, MediaKind
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import Fragment, Scan, read_init, scan_fragments
from common.media.mp4.writer import fragment_header, ticks_to_us
from server.recording.archiving.rekeying import NoRenewableKeys, Plain, RenewableKeys, samples_of
from server.recording.archiving.resealing import Resealing
from server.recording.archiving.thinning import FrameRate, KeyframesOnly
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.fragments import FragmentTable
from server.recording.mediadb.seals import Signer

_MOST_GOP_BYTES = 128 << 20
_MOST_FRAGMENT_S = 1


class Thinner(Protocol):
    """Chooses the pictures of a GOP that stay."""

    def choose(self, gop: list[AccessUnit], duration_us: int) -> list[AccessUnit]: ...


def thinner(mode: str, fps: float, config: CodecConfig) -> Thinner | None:
    """What an archive's setting asks for; None when nothing is to be left out."""
    if config.kind is not MediaKind.VIDEO or mode == "none":
        return None
    return FrameRate(fps, config.codec) if mode == "fps" and fps > 0 else KeyframesOnly()


class Groomed:
    """A segment's bytes with fewer pictures. Take all `chunks` once, then `table` describes them."""

    def __init__(
        self,
        file: ReadableFile,
        start: UtcUs,
        mode: str,
        fps: float,
        *,
        signer: Signer | None = None,
        keys: RenewableKeys | None = None,
    ) -> None:
        """`start`: what the file is named after. `keeps_all`: there is nothing to be left out. `signer`: signs what was
        signed. `keys`: of what is encrypted, which is encrypted anew. Raises Mp4Damaged, Mp4Locked or OSError."""
        self._file = file
        self._init = read_init(file.read)
        self._thinner = thinner(mode, fps, self._init.config)
        self.keeps_all = self._thinner is None
        self._samples = Plain() if self.keeps_all else samples_of(self._init, keys or NoRenewableKeys())
        self.table = FragmentTable(self._init.config.timescale, start)
        self._offset = 0
        self._sequence = 0
        self._signer = signer

    def chunks(self) -> Iterator[bytes]:
        """The new file, a fragment at a time. Raises Mp4Damaged on a fragment that cannot be read."""
        assert self._thinner is not None
        scan = scan_fragments(self._file.read, self._init.size_bytes, self._file.size_bytes(), finished=True)
        head, named = self._file.read(0, self._init.size_bytes), self.table.file_start or 0
        self._seals = Resealing(self._file, head, scan, named, signer=self._signer, renewed=self._samples.head)
        start = self._seals.head
        self._offset = len(start)
        yield start
        pending: list[AccessUnit] = []
        run_end = 0
        for gop, begins_run in self._gops(scan):
            gop_end = gop[-1][1]
            if begins_run and pending:
                yield self._fragment(pending, run_end)
                pending = []
            duration_us = ticks_to_us(gop_end - gop[0][0].dts, self._init.config.timescale)
            for unit in self._thinner.choose([unit for unit, _ in gop], duration_us):
                if pending and (unit.keyframe or unit.dts - pending[0].dts >= self._fragment_ticks):
                    yield self._fragment(pending, unit.dts)
                    pending = []
                pending.append(unit)
            run_end = gop_end
        if pending:
            yield self._fragment(pending, run_end)
        if not self.table.gops:
            raise Mp4Damaged("no keyframe in the file")

    @property
    def _fragment_ticks(self) -> int:
        return _MOST_FRAGMENT_S * self._init.config.timescale

    def _gops(self, scan: Scan) -> Iterator[tuple[list[tuple[AccessUnit, int]], bool]]:
        """GOPs as units with the decode time behind each, and whether a break lies before the GOP. Pictures that lost
        their keyframe can't be shown and are left out, as playback does."""
        gop: list[tuple[AccessUnit, int]] = []
        size_bytes, expected, broken = 0, None, True
        for fragment in scan.fragments:
            follows = expected == fragment.dts
            if gop and (fragment.keyframe or not follows):
                yield gop, broken
                gop, size_bytes, broken = [], 0, False
            broken = broken or not follows
            expected = fragment.dts + fragment.duration_ticks
            data = self._file.read(fragment.offset, fragment.size_bytes)
            self._seals.read(fragment, data)
            if not gop and not fragment.keyframe:
                broken = True
                continue
            size_bytes += fragment.size_bytes
            if size_bytes > _MOST_GOP_BYTES:
                raise Mp4Damaged("a GOP is too large to be groomed")
            units = self._samples.read(data, self._init.config)
            behind = [unit.dts for unit in units[1:]] + [expected]
            gop += zip(units, behind, strict=True)
        if gop:
            yield gop, broken

    def _fragment(self, units: list[AccessUnit], next_dts: int) -> bytes:
        self._sequence += 1
        samples, encryption = self._samples.written(units)
        header = fragment_header(self._sequence, units, next_dts, 0, self._init.config, encryption=encryption)
        data = self._seals.sealed((header, *samples))
        first = units[0]
        self.table.append(
            Fragment(
                self._offset,
                len(data),
                first.utc_us,
                first.dts,
                next_dts - first.dts,
                len(units),
                first.keyframe,
            )
        )
        self._offset += len(data)
        return data
