"""Finding things in a large archive: `make -s bench NAME=mediadb ARGS=--json`.

Makes an archive of 100 cameras and 30 days: an index with a row and a fragment table for each segment (five minutes, or
64 MB), with some gaps a day; whole files for a part of it, spread over all cameras and days, with keyframes and frames
of real sizes. Beside each figure stands the physical limit, measured in the same run: reading the same bytes with
nothing but `pread`, or opening and reading the same files in a loop. Before each seek the pages of the file and of the
index are dropped from memory (posix_fadvise), as far as the system does so.
"""

import argparse
import importlib
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from server.recording.ledger.proof import RecordingProof
from server.recording.ledger.reasons import ASSIGNED
from server.recording.ledger.store import EVERY_TRACK, Ended, Entry, LedgerFile, Life
from server.recording.mediadb import runs
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import INDEX, prepare_root, segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.repair import reindex
from server.recording.mediadb.segment_file import PendingFragment, SegmentFile
from server.recording.mediadb.timeline import Buckets, timeline
from server.recording.mediadb.tools import check
from tests.benchmarks import figures

FPS = 25
GOP_S = 2
FRAME_BYTES = 20_000  # 4 Mbit/s
SEGMENT_S = 128  # 64 MB of that
SEGMENT_US = SEGMENT_S * US_PER_S
DAY_US = 86_400 * US_PER_S
START_US = 1_764_547_200 * US_PER_S
CONFIG = CodecConfig(Codec.H264, 90_000, bytes.fromhex("0142c01effe1") + b"s" * 30, 1920, 1080)
SEEKS = 200
VIEW = 16  # cameras on screen


def device(number: int) -> DeviceId:
    return DeviceId(f"00000000-0000-4000-8000-{number:012d}")


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the archive is. `files` whole ones, `small_files` with pictures of 100 bytes, to be indexed again."""

    cameras: int
    days: int
    files: int
    small_files: int


def units_of(start_us: int, frame_bytes: int, seconds: int = SEGMENT_S) -> Iterator[list[AccessUnit]]:
    """The units of a segment, a fragment (second) at a time; keyframes are five times as large as the others."""
    rng = random.Random(start_us)
    noise = rng.randbytes(frame_bytes * 8)
    for second in range(seconds):
        units = []
        for number in range(FPS):
            frame = second * FPS + number
            key = frame % (FPS * GOP_S) == 0
            size = int((frame_bytes * 5 if key else frame_bytes * 0.92) * rng.uniform(0.8, 1.2))
            data = (size - 4).to_bytes(4, "big") + noise[frame % frame_bytes :][: size - 4]
            units.append(AccessUnit(data, frame * 3600, frame * 3600, UtcUs(start_us + frame * 40_000), key))
        yield units


def write_segment(root: Path, key: TrackKey, start_us: int, frame_bytes: int) -> tuple[int, bytes]:
    """Write one finished file as the recorder does; return its size and its fragment table."""
    file: SegmentFile | None = None
    for units in units_of(start_us, frame_bytes):
        size = sum(len(unit.data) for unit in units)
        pending = PendingFragment(CONFIG, units, units[-1].dts + 3600, size, UtcUs(start_us), file is not None)
        file = file or SegmentFile(root, key, pending, 8 << 20)
        file.append(pending)
    assert file is not None
    sealed = file.seal()
    assert sealed is not None
    return sealed.size_bytes, sealed.blob


def make_archive(root: Path, plan: Plan) -> list[tuple[TrackKey, int]]:
    """Make the index of everything and the files of a part; return where whole files are."""
    prepare_root(root, None)
    index = SegmentIndex(root, writable=True)
    index.check()
    rng = random.Random(7)
    chosen = {
        (rng.randrange(plan.cameras), number * plan.days * DAY_US // plan.files // SEGMENT_US)
        for number in range(plan.files)
    }
    whole = [(TrackKey(device(camera), PRIMARY), START_US + place * SEGMENT_US) for camera, place in chosen]
    tables = {where: write_segment(root, *where, FRAME_BYTES) for where in whole}
    filling = next(iter(tables.values()))
    segments = plan.days * DAY_US // SEGMENT_US

    def rows() -> Iterator[tuple[object, ...]]:
        for camera in range(plan.cameras):
            key = TrackKey(device(camera), PRIMARY)
            lost = {rng.randrange(segments) for _ in range(3 * plan.days)}  # each loses its last seconds
            for place in range(segments):
                start = START_US + place * SEGMENT_US
                size, blob = tables.get((key, start), filling)
                end = start + SEGMENT_US - (17 * US_PER_S if place in lost and (key, start) not in tables else 0)
                yield (*key, start, end, 1, 0, size, blob)

    with sqlite3.connect(root / INDEX, isolation_level=None) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executescript(runs.NO_TRIGGERS)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO segments (device, track, start_us, end_us, state, gaps, size_bytes, fragments)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows(),
        )
        connection.execute("COMMIT")
        connection.executescript(runs.FILL + runs.TRIGGERS)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    index.close()
    return whole


def drop_from_memory(path: Path) -> None:
    """Have the system read the file from disk next time."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def seeks(root: Path, whole: list[tuple[TrackKey, int]]) -> dict[str, float]:
    """Random instants; each with a reader that has seen nothing before. Beside it the same bytes with `pread`."""
    rng = random.Random(11)
    took_ms: list[float] = []
    raw_ms: list[float] = []
    segments = {(found.key, found.start): found.path for found in segments_on_disk(root)}
    for _ in range(SEEKS):
        key, start = rng.choice(whole)
        at = UtcUs(start + rng.randrange(SEGMENT_US))
        path = segments[key, UtcUs(start)]
        drop_from_memory(path)
        drop_from_memory(root / INDEX)
        began = time.perf_counter()
        reader = MediaDatabaseReader(root)
        gop = reader.gop_at(key, at)
        took_ms.append((time.perf_counter() - began) * 1e3)
        reader.close()
        assert gop is not None
        assert gop.start <= at < gop.end
        size = sum(len(unit.data) for unit in gop.units)
        drop_from_memory(path)
        began = time.perf_counter()
        fd = os.open(path, os.O_RDONLY)
        os.pread(fd, size, (at - start) * path.stat().st_size // SEGMENT_US // 2)
        os.close(fd)
        raw_ms.append((time.perf_counter() - began) * 1e3)
    return figures.p50_p99("seek", took_ms) | figures.p50_p99("seek_pread_limit", raw_ms)


def make_ledger(data: Path, plan: Plan) -> None:
    """A ledger of all cameras: the recorder was started again each day, and a network was lost three times a day."""
    file = LedgerFile(data, writable=True)
    file.begin(START_US)
    lives, entries = [], []
    rng = random.Random(13)
    for day in range(plan.days):
        began = START_US + day * DAY_US
        lives.append(Life(1, began, began + DAY_US - US_PER_S, Ended.ORDERLY))
        for camera in range(plan.cameras):
            entries.append(Entry(lives[-1], device(camera), EVERY_TRACK, ASSIGNED, "", began))
            for _ in range(3):
                at = began + rng.randrange(DAY_US)
                entries.append(Entry(lives[-1], device(camera), EVERY_TRACK, "network", "no way to it", at, at + 20))
    file.write(lives, entries)
    file.close()


def best_ms(work: Callable[[], object], times: int = 20) -> float:
    """The middle of some runs: the index is in memory, as it is for who looks at a timeline."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return round(sorted(took)[times // 2], 2)


def timelines(root: Path, plan: Plan) -> dict[str, float]:
    """A month, a day and an hour at 1,000 pixels, for one camera and for a view of 16; and what counting rows costs."""
    reader = MediaDatabaseReader(root)
    keys = [TrackKey(device(number), PRIMARY) for number in range(min(VIEW, plan.cameras))]
    end = START_US + plan.days * DAY_US
    found: dict[str, float] = {}
    for name, length in (("month", plan.days * DAY_US), ("day", DAY_US), ("hour", 3600 * US_PER_S)):
        buckets = Buckets(Span(UtcUs(end - length), UtcUs(end)), 1000)
        found[f"timeline_{name}_ms"] = best_ms(lambda b=buckets: timeline(reader, keys[:1], b))  # type: ignore[misc]
        found[f"timeline_{name}_{len(keys)}_cameras_ms"] = best_ms(lambda b=buckets: timeline(reader, keys, b), 5)  # type: ignore[misc]
    make_ledger(root, plan)
    proof = RecordingProof(root, reader, lambda: UtcUs(end))
    month = Buckets(Span(UtcUs(START_US), UtcUs(end)), 1000)
    found["timeline_month_with_reasons_ms"] = best_ms(lambda: proof.timeline(keys[:1], month))
    proof.close()
    reader.close()
    with sqlite3.connect(root / INDEX) as connection:
        query = "SELECT count(*), sum(end_us - start_us) FROM segments WHERE device=? AND track=?"
        found["timeline_month_rows_ms"] = best_ms(lambda: connection.execute(query, keys[0]).fetchall(), 5)
    connection.close()
    return found


def indexing(folder: Path, plan: Plan) -> dict[str, float]:
    """Rebuild an index from its files; beside it a loop that opens each, and reads its two ends."""
    root = folder / "small"
    prepare_root(root, None)
    per_camera = plan.small_files // 20
    first = TrackKey(device(0), PRIMARY)
    template = write_files(root, first, per_camera)
    for camera in range(1, 20):
        for path in template:  # the same bytes under another device's name: the index goes by the folders
            made = root / device(camera) / path.relative_to(root / first.device)
            made.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, made)
    paths = [found.path for found in segments_on_disk(root)]
    for path in template:
        drop_from_memory(path)
    index = SegmentIndex(root, writable=True)
    began = time.perf_counter()
    report = reindex(root, index, thorough=False)
    took_s = time.perf_counter() - began
    assert report.indexed == len(paths)
    index.close()
    for path in template:
        drop_from_memory(path)
    began = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            file.read(4096)
            file.seek(-4096, os.SEEK_END)
            file.read(4096)
    limit_s = time.perf_counter() - began
    return {
        "reindex_segments": len(paths),
        "reindex_segments_per_s": round(len(paths) / took_s),
        "reindex_open_and_read_limit_per_s": round(len(paths) / limit_s),
    }


def write_files(root: Path, key: TrackKey, count: int) -> list[Path]:
    for number in range(count):
        write_segment(root, key, START_US + number * SEGMENT_US, 40)
    return [found.path for found in segments_on_disk(root)]


def checking(folder: Path, root: Path, whole: list[tuple[TrackKey, int]]) -> dict[str, float]:
    """Check the whole files against an index of them; beside it reading all their bytes."""
    linked = folder / "checked"
    prepare_root(linked, None)
    size = 0
    for found in segments_on_disk(root):
        made = linked / found.path.relative_to(root)
        made.parent.mkdir(parents=True, exist_ok=True)
        os.link(found.path, made)
        size += made.stat().st_size
    assert len(whole) == len(list(segments_on_disk(linked)))
    index = SegmentIndex(linked, writable=True)
    reindex(linked, index, thorough=False)
    index.close()

    def forget() -> None:
        for found in segments_on_disk(linked):
            drop_from_memory(found.path)

    forget()
    began = time.perf_counter()
    report = check(linked)
    took_s = time.perf_counter() - began
    assert report["ok"], report
    forget()
    began = time.perf_counter()
    for found in segments_on_disk(linked):
        with found.path.open("rb", buffering=0) as file:
            while file.read(4 << 20):
                pass
    limit_s = time.perf_counter() - began
    return {
        "check_mb": round(size / 1e6),
        "check_mb_per_s": round(size / 1e6 / took_s),
        "disk_read_limit_mb_per_s": round(size / 1e6 / limit_s),
    }


def export(root: Path, whole: list[tuple[TrackKey, int]]) -> dict[str, float]:
    """Export against `cp` of the same bytes, when this version has that benchmark."""
    try:
        found = importlib.import_module("tests.benchmarks.export")
    except ModuleNotFoundError:
        return {}
    return dict(found.ratio_vs_cp(root, whole))


def measured(plan: Plan) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="vedette-bench-"))
    try:
        began = time.perf_counter()
        root = folder / "archive"
        whole = make_archive(root, plan)
        found: dict[str, float] = {
            "cameras": plan.cameras,
            "days": plan.days,
            "segments": plan.cameras * (plan.days * DAY_US // SEGMENT_US),
            "index_mb": round((root / INDEX).stat().st_size / 1e6),
            "files_mb": round(sum(f.path.stat().st_size for f in segments_on_disk(root)) / 1e6),
            "made_in_s": round(time.perf_counter() - began, 1),
        }
        found |= seeks(root, whole)
        found |= timelines(root, plan)
        found |= indexing(folder, plan)
        found |= checking(folder, root, whole)
        return found | export(root, whole)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser: argparse.ArgumentParser = figures.options("Seeking, timelines, indexing and checking in a large archive")
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--files", type=int, default=30, help="whole files of 64 MB")
    parser.add_argument("--small-files", type=int, default=10_000, help="files that are indexed again")
    chosen = parser.parse_args()
    plan = Plan(chosen.cameras, chosen.days, chosen.files, chosen.small_files)
    figures.show(measured(plan), as_json=chosen.json)


if __name__ == "__main__":
    main()
