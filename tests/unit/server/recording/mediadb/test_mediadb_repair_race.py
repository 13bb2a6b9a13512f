"""A file that is just being made, and a repair that comes between its two first steps."""

import fcntl
from pathlib import Path

import pytest

from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.repair import repair_at_start
from server.recording.mediadb.segment_file import PendingFragment, SegmentFile
from tests.support.media_samples import video_sample

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)


def test_a_repair_does_not_take_away_the_file_that_a_writer_is_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, units = video_sample(frames=50, gop=25)
    index = SegmentIndex(tmp_path, writable=True)
    real, repaired = fcntl.flock, list[int]()

    def repair_first(fd: int, how: int) -> None:
        if how == fcntl.LOCK_EX and not repaired and list(tmp_path.rglob("*.mp4")):
            repaired.append(1)
            assert repair_at_start(tmp_path, index).forgotten == 1
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", repair_first)
    first = PendingFragment(config, units[:25], units[25].dts, 1, units[0].utc_us, False)
    file = SegmentFile(tmp_path, KEY, first, 0)
    assert repaired
    assert repair_at_start(tmp_path, index).in_use == 1
    size = sum(len(unit.data) for unit in units[:25])
    file.append(PendingFragment(config, units[:25], units[25].dts, size, units[0].utc_us, False))
    sealed = file.seal()
    assert sealed is not None
    assert file.path.stat().st_size == sealed.size_bytes
    index.close()
