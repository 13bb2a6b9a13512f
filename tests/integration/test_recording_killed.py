"""SIGKILL while recording under load: every fragment handed over before the open one is there, and the files play."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from server.recording.mediadb.contract import Span
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.repair import repair_at_start
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from tests.support.recording_writer import FRAMES, KEYS, START_US, payload

EVER = Span(UtcUs(0), UtcUs(1 << 60))
PROBE = ("ffprobe", "-v", "fatal", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0")
WAITING_UNITS = 1_000_000 // 400 + 2 * FRAMES  # what that process lets wait, and the open fragment


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(4))
def test_a_killed_recorder_loses_at_most_what_was_not_handed_over(tmp_path: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.recording_writer", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    queued = 0
    enough = random.Random(seed).randint(20, 400)
    try:
        for line in process.stdout:
            assert line.startswith("queued"), line
            queued = int(line.split()[1])
            if queued >= enough:
                break
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

    # Readable, and proved by its seals, at once, before any repair.
    proof = verify_recordings([tmp_path], Wanted(trust=Trust(must_be_signed=True)))
    assert proof["ok"], proof["findings"]
    assert proof["signed_fragments"] == proof["fragments"] > 0
    before = MediaDatabaseReader(tmp_path)
    spans = [before.sequences(key, EVER) for key in KEYS]
    before.close()

    index = SegmentIndex(tmp_path, writable=True)
    report = repair_at_start(tmp_path, index)
    assert report.damaged == ()
    assert index.check() == []
    index.close()
    reader = MediaDatabaseReader(tmp_path)
    for number, key in enumerate(KEYS):
        (span,) = reader.sequences(key, EVER)
        # A segment may have been begun whose row the writer did not live to write.
        assert spans[number][0].start == span.start
        assert spans[number][0].end <= span.end
        assert span.start == START_US
        stored = (span.end - span.start) // 40_000
        assert stored >= queued * FRAMES - WAITING_UNITS
        units, at = 0, UtcUs(0)
        while (gop := reader.gop_after(key, at)) is not None:
            assert [unit.data for unit in gop.units] == [payload(number, units + n) for n in range(len(gop.units))]
            units, at = units + len(gop.units), gop.start
        assert units == stored
    assert reader.skipped == 0
    reader.close()
    assert verify_recordings([tmp_path], Wanted())["ok"]
    newest = max(segments_on_disk(tmp_path), key=lambda segment: segment.path.stat().st_mtime)
    probed = subprocess.run(
        [
            *["ffprobe", "-v", "fatal", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"],
            str(newest.path),
        ],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert int(probed.stdout) > 0
