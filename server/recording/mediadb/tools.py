"""Looking after a media database: what `vedette-server media` does, as plain dictionaries."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from common.foundation.clock import iso_utc
from common.media.mp4.boxes import Mp4Damaged
from server.recording.mediadb.index import OPEN, SegmentIndex
from server.recording.mediadb.layout import segment_path, segments_on_disk, storage_id
from server.recording.mediadb.repair import being_written, reindex, scan_file

Progress = Callable[[int], None]
"""Told how many files have been looked at."""


def check(root: Path, progress: Progress = lambda _: None) -> dict[str, object]:
    """Compare every file with the index, changing neither. `ok` is false when something needs `reindex`."""
    index = SegmentIndex(root, writable=False)
    try:
        known = {(row.key, row.start): row for row in index.rows("state!=2", ())} if index.exists else {}
        report: dict[str, object] = {"index_faults": index.check() if index.exists else ["there is no index"]}
    finally:
        index.close()
    files = in_use = skipped = 0
    damaged, unknown, differing = [], [], []
    for found in segments_on_disk(root):
        files += 1
        progress(files)
        row = known.pop((found.key, found.start), None)
        if being_written(found.path):
            in_use += 1
            continue
        try:
            scanned = scan_file(found.path, found.key)
        except (OSError, Mp4Damaged) as error:
            damaged.append({"path": str(found.path), "reason": str(error)})
            continue
        skipped += scanned.skipped_bytes
        if row is None:
            unknown.append(str(found.path))
        elif row.state == OPEN or row.size_bytes != scanned.sealed.size_bytes:
            differing.append(str(found.path))
    missing = [str(segment_path(root, key, start)) for key, start in known]
    report |= {"files": files, "in_use": in_use, "damaged": damaged, "skipped_bytes": skipped}
    report |= {"not_in_index": unknown, "differing": differing, "missing": missing}
    report["ok"] = not (report["index_faults"] or damaged or unknown or differing or missing or skipped)
    return report


def rebuild(root: Path, progress: Progress = lambda _: None, *, thorough: bool = False) -> dict[str, object]:
    """Forget the index and make it again from the files."""
    index = SegmentIndex(root, writable=True)
    try:
        report = asdict(reindex(root, index, progress, thorough=thorough))
    finally:
        index.close()
    return report | {"ok": not report["damaged"]}


def stats(root: Path) -> dict[str, object]:
    """What is recorded of each track, from the index."""
    index = SegmentIndex(root, writable=False)
    tracks: dict[str, dict[str, object]] = {}
    total = 0
    try:
        rows = index.rows("state!=2 ORDER BY device, track, start_us", ()) if index.exists else []
    finally:
        index.close()
    for row in rows:
        entry = tracks.setdefault(
            f"{row.key.device}/{row.key.track}", {"segments": 0, "size_bytes": 0, "from": iso_utc(row.start)}
        )
        entry["segments"] = int(str(entry["segments"])) + 1
        entry["size_bytes"] = int(str(entry["size_bytes"])) + row.size_bytes
        entry["to"] = iso_utc(row.end)
        total += row.size_bytes
    return {"storage": storage_id(root), "size_bytes": total, "segments": len(rows), "tracks": tracks, "ok": True}
