"""Playback of a camera that is recorded twice: which track is shown, and that one's gaps are filled from the other."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.media.access_unit import PRIMARY, SECONDARY
from server.recording.mediadb.contract import Gop, TrackKey
from server.recording.playback.course import Read, ReadAfter, ReadAt, ReadBefore
from server.recording.playback.either_track import EitherTrack
from tests.support.recorder_rig import CAMERA, T0, VIDEO, ListReader, gops

LARGE, SMALL = TrackKey(CAMERA, PRIMARY), TrackKey(CAMERA, SECONDARY)
SECOND_US = 1_000_000


class Recorded:
    """A GopSource over GOPs in memory."""

    def __init__(self, large: list[Gop], small: list[Gop]) -> None:
        self._reader = ListReader()
        self._reader.tracks = {LARGE: large, SMALL: small}

    async def gop(self, key: TrackKey, read: Read) -> Gop | None:
        if isinstance(read, ReadAt):
            return self._reader.gop_at(key, read.at)
        if isinstance(read, ReadAfter):
            return self._reader.gop_after(key, read.at)
        return self._reader.gop_before(key, read.at)


def large(count: int, *missing: int) -> list[Gop]:
    wide = replace(VIDEO, width_px=1920, height_px=1080)
    return [gop for number, gop in enumerate(gops(T0, count, 50, wide)) if number not in missing]


def small(count: int, *missing: int) -> list[Gop]:
    return [gop for number, gop in enumerate(gops(T0, count, 25)) if number not in missing]


async def walked(either: EitherTrack) -> list[Gop]:
    gop = await either.gop(LARGE, ReadAt(T0)) or await either.gop(LARGE, ReadAfter(T0))
    found = []
    while gop is not None:
        found.append(gop)
        gop = await either.gop(LARGE, ReadAfter(gop.start))
    return found


async def test_the_track_that_suits_the_tile_is_played() -> None:
    recorded = Recorded(large(4), small(8))
    assert {gop.config.width_px for gop in await walked(EitherTrack(recorded, 500))} == {640}
    assert {gop.config.width_px for gop in await walked(EitherTrack(recorded, 1600))} == {1920}


async def test_a_gap_of_one_is_filled_from_the_other_and_left_again() -> None:
    recorded = Recorded(large(6, 2, 3), small(12))
    widths = [gop.config.width_px for gop in await walked(EitherTrack(recorded, 1600))]
    assert widths == [1920, 1920, 640, 640, 640, 640, 1920, 1920]
    either = EitherTrack(recorded, 1600)
    inside = await either.gop(LARGE, ReadAt(UtcUs(T0 + 5 * SECOND_US)))
    assert inside is not None
    assert inside.config.width_px == 640
    before = await either.gop(LARGE, ReadBefore(UtcUs(T0 + 8 * SECOND_US)))
    assert before is not None
    assert (before.config.width_px, before.end) == (640, T0 + 8 * SECOND_US)


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 19)), st.sampled_from([300, 1600]))
async def test_whatever_either_holds_is_played_and_time_only_rises(
    lost: set[int], lost_small: set[int], width_px: int
) -> None:
    recorded = Recorded(large(10, *lost), small(20, *lost_small))
    found = await walked(EitherTrack(recorded, width_px))
    starts = [gop.start for gop in found]
    assert starts == sorted(set(starts))
    shown = {second for gop in found for second in range((gop.start - T0) // SECOND_US, (gop.end - T0) // SECOND_US)}
    held = {second for second in range(20) if second // 2 not in lost or second not in lost_small}
    if width_px == 300:  # a large GOP can stand in for a small one only from its own keyframe
        held -= {second for second in lost_small if second % 2 and second - 1 not in lost_small}
    assert shown == held
