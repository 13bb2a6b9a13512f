"""A start after a kill, with tens of thousands of segments from the last days: what was left open is found."""

import time
from pathlib import Path

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.index import SealedSegment, SegmentIndex
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.repair import repair_at_start, scan_file
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import START_UTC, video_sample
from tests.support.soak import rounds

CAMERAS = rounds(4, 40)
SEGMENTS = 250  # of each camera, a minute apart
LEFT_OPEN = 3


async def test_a_repair_takes_in_what_was_left_open(tmp_path: Path) -> None:
    config, units = video_sample(frames=50, gop=25)
    sample = TrackKey(DeviceId("00000000-0000-4000-8000-00000000ffff"), PRIMARY)
    settings = WriterSettings(min_free_bytes=0, retain_minutes=10**9, preallocate_bytes=0, segment_s=3600)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), settings, print) as writer:
        track = writer.track(sample)
        track.configure(config)
        for unit in units:
            track.write(unit)
    path = segment_path(tmp_path, sample, START_UTC)
    scanned = scan_file(path, sample)
    index = SegmentIndex(tmp_path, writable=True)
    found, left_open = [], []
    for camera in range(CAMERAS):
        key = TrackKey(DeviceId(f"00000000-0000-4000-8000-{camera:012d}"), PRIMARY)
        for number in range(SEGMENTS):
            start = UtcUs(START_UTC + number * 60_000_000)
            copy = segment_path(tmp_path, key, start)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.hardlink_to(path)
            sealed = scanned.sealed
            row = SealedSegment(key, start, UtcUs(start + 2_000_000), 0, sealed.size_bytes, sealed.blob)
            (left_open if number >= SEGMENTS - LEFT_OPEN else found).append(row)
    index.record_found(found)
    for row in left_open[::2]:  # the others were not even entered
        index.record([], [(row.key, row.start)])
    began_s = time.monotonic()
    report = repair_at_start(tmp_path, index)
    took_s = time.monotonic() - began_s
    segments = CAMERAS * SEGMENTS
    print(f"repair: {took_s:.2f} s for {segments} segments, {took_s / segments * 10_000:.2f} s per 10,000")
    assert report.indexed == CAMERAS * LEFT_OPEN
    assert report.damaged == ()
    assert len(index.rows("state=1", ())) == segments + 1
    index.close()
