"""How fast a film is made: a remux to MP4 beside `cp` of the same bytes, in turn, on the same disk.

`export_ratio_vs_cp` is the time of `cp` over that of the export, both with the result forced to disk; medians of
several rounds. `export_verified_ratio_vs_cp` includes reading everything back, which an export does unless told not to.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common.api.exporting import ExportItem, ExportRequest, ExportSpan
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit
from server.recording.exporting.mp4_film import write_mp4
from server.recording.exporting.work import NoProgress, Work, films
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.benchmarks.figures import options, show
from tests.support.media_samples import START_UTC, video_sample

CAMERA = DeviceId("00000000-0000-4000-8000-0000000000c1")
KEY = TrackKey(CAMERA, PRIMARY)
FPS, BITRATE_BPS, GOP = 25, 4_000_000, 25


async def _record(root: Path, size_bytes: int) -> None:
    """Record 1080p25 of 4 Mbit/s: frames of the usual sizes; what is in them does not matter to a copy."""
    config, _ = video_sample(gop=GOP)
    small = BITRATE_BPS // 8 // (FPS + 5)
    noise = os.urandom(small * 6)
    settings = WriterSettings(min_free_bytes=0, retain_minutes=10**9)
    async with MediaDatabaseWriter(root, SystemClock(), settings, lambda event: None) as database:
        track = database.track(KEY)
        track.configure(config)
        for number in range(size_bytes * 8 * FPS // BITRATE_BPS):
            keyframe = number % GOP == 0
            data = noise if keyframe else noise[: small - number % 97]
            at = UtcUs(START_UTC + number * 1_000_000 // FPS)
            track.write(AccessUnit(data, number * 3600, number * 3600, at, keyframe))
            while database.queued_bytes > 32 << 20:
                await asyncio.sleep(0.005)
        await track.close()


def _copied_s(sources: Sequence[Path], to: Path) -> float:
    to.mkdir()
    began = time.perf_counter()
    subprocess.run(["cp", *map(str, sources), str(to)], check=True)
    for path in to.iterdir():
        _force(path)
    return time.perf_counter() - began


def _force(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _exported_s(root: Path, to: Path, recorded: Sequence[tuple[TrackKey, Span]], *, verify: bool) -> float:
    items = tuple(
        ExportItem(device=key.device, spans=(ExportSpan(start_us=span.start, end_us=span.end),))
        for key, span in recorded
    )
    request = ExportRequest(items=items, verify=verify)
    reader = MediaDatabaseReader(root)
    try:
        work = Work(reader, request, to, NoProgress())
        began = time.perf_counter()
        for film in films(request, frozenset()):
            made = write_mp4(work, film, [film.span])
            assert len(made) == 1
        return time.perf_counter() - began
    finally:
        reader.close()


def _compared(
    root: Path, out: Path, sources: Sequence[Path], recorded: Sequence[tuple[TrackKey, Span]], rounds: int
) -> dict[str, float]:
    """Copy and export in turn; the first round only fills the page cache with the recordings."""
    times: dict[str, list[float]] = {"cp": [], "plain": [], "verified": []}
    for number in range(rounds + 1):
        for kind, taken in times.items():
            if kind == "cp":
                took_s = _copied_s(sources, out)
            else:
                took_s = _exported_s(root, out, recorded, verify=kind == "verified")
            if number:
                taken.append(took_s)
            shutil.rmtree(out)
            os.sync()
    middle = {kind: statistics.median(taken) for kind, taken in times.items()}
    size_mb = sum(path.stat().st_size for path in sources) / 1e6
    return {
        "export_mb": round(size_mb, 1),
        "cp_mb_per_s": round(size_mb / middle["cp"], 1),
        "export_mb_per_s": round(size_mb / middle["plain"], 1),
        "export_ratio_vs_cp": round(middle["cp"] / middle["plain"], 3),
        "export_verified_ratio_vs_cp": round(middle["cp"] / middle["verified"], 3),
    }


def ratio_vs_cp(root: Path, whole: Sequence[tuple[TrackKey, int]], most_files: int = 8) -> dict[str, float]:
    """Export some segments of an archive, by track and start; return the figures by name."""
    chosen = list(whole)[:most_files]
    index = SegmentIndex(root, writable=False)
    try:
        rows = [index.at_or_before(key, start)[0] for key, start in chosen]
    finally:
        index.close()
    sources = [segment_path(root, row.key, row.start) for row in rows]
    recorded = [(row.key, Span(row.start, row.end)) for row in rows]
    with tempfile.TemporaryDirectory(prefix="vedette-bench-", dir=root.parent) as made:
        return _compared(root, Path(made) / "out", sources, recorded, rounds=3)


def export_figures(size_mb: int = 500, rounds: int = 5, folder: Path | None = None) -> dict[str, float]:
    """Measure in a temporary folder (of `folder`'s disk); return the figures by name."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-", dir=folder) as made:
        place = Path(made)
        root = place / "recordings"
        asyncio.run(_record(root, size_mb * 1_000_000))
        reader = MediaDatabaseReader(root)
        try:
            whole = reader.coverage(KEY)
        finally:
            reader.close()
        assert whole is not None
        return _compared(root, place / "out", sorted(root.rglob("*.mp4")), [(KEY, whole)], rounds)


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--mb", type=int, default=500, help="megabytes to export")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured; default: the temporary one")
    given = parser.parse_args()
    show(export_figures(given.mb, given.rounds, given.folder), as_json=given.json)


if __name__ == "__main__":
    main()
