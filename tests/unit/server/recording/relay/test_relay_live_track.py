"""What viewers of one live track get, however slowly they take it."""

from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_record
from server.recording.relay.live_track import MOST_KEPT_BYTES, MOST_LAG_S, Cursor, LiveTrack, TrackState
from tests.support.recorder_rig import VIDEO

LIVE = TrackState("live", UtcUs(0))


def unit(number: int, keyframe: bool, size_bytes: int = 8) -> MediaRecord:
    flags = RecordFlags.KEYFRAME if keyframe else 0
    payload = number.to_bytes(4, "big") + bytes(size_bytes - 4)
    return MediaRecord(RecordKind.VIDEO, int(flags), 0, 1, number, UtcUs(number), number, number, 90_000, payload)


def fed(track: LiveTrack, first: int, count: int, gop: int = 10, now_s: float = 0.0, size_bytes: int = 8) -> None:
    for number in range(first, first + count):
        track.feed(unit(number, number % gop == 0, size_bytes), now_s)


def started() -> LiveTrack:
    track = LiveTrack(LIVE)
    track.feed(config_record(VIDEO), 0.0)
    return track


def nothing() -> None:
    """A viewer that needs no waking."""


def numbers(cursor: Cursor, now_s: float = 0.0, most_bytes: int = 10**9) -> list[int]:
    return [r.pts for r, _ in cursor.take(most_bytes, now_s).records if r.kind is RecordKind.VIDEO]


def test_a_late_viewer_starts_at_the_current_keyframe() -> None:
    track = started()
    fed(track, 0, 25)
    taken = track.join(nothing).take(10**9, 0.0)
    assert taken.records[0][0].kind is RecordKind.CONFIG
    media = taken.records[1:]
    assert [r.pts for r, _ in media] == [20, 21, 22, 23, 24]
    assert [bool(f & RecordFlags.PREROLL) for _, f in media] == [True] * 4 + [False]
    assert media[0][1] & RecordFlags.DISCONTINUITY
    assert (taken.lost_gops, taken.lost_units) == (0, 0)


def test_without_a_keyframe_a_viewer_waits_for_one_and_has_lost_nothing() -> None:
    track = started()
    cursor = track.join(nothing)
    fed(track, 5, 5)
    assert numbers(cursor) == []
    fed(track, 10, 3)
    taken = cursor.take(10**9, 0.0)
    assert [r.pts for r, _ in taken.records[1:]] == [10, 11, 12]
    assert (taken.lost_gops, taken.lost_units) == (0, 0)


def test_a_viewer_too_far_behind_goes_on_at_a_keyframe_and_is_told() -> None:
    track = started()
    fed(track, 0, 1)
    cursor = track.join(nothing)
    assert numbers(cursor) == [0]
    fed(track, 1, 304)
    taken = cursor.take(10**9, 0.0)
    assert [r.pts for r, _ in taken.records] == [300, 301, 302, 303, 304]
    assert taken.records[0][1] & RecordFlags.DISCONTINUITY
    assert taken.lost_units == 299
    assert taken.lost_gops >= 1


def test_a_viewer_two_seconds_behind_waits_for_the_next_keyframe() -> None:
    track = started()
    fed(track, 0, 1)
    cursor = track.join(nothing)
    assert numbers(cursor) == [0]
    fed(track, 1, 4, now_s=1.0)
    taken = cursor.take(10**9, 1.1 + MOST_LAG_S)
    assert taken.records == []
    assert (taken.lost_gops, taken.lost_units) == (1, 4)
    fed(track, 5, 7, now_s=4.0)
    assert numbers(cursor, 4.0) == [10, 11]


def test_the_cached_gop_may_be_old() -> None:
    track = started()
    fed(track, 0, 8, now_s=0.0)
    cursor = track.join(nothing)
    assert numbers(cursor, now_s=9.0) == list(range(8))


def test_what_is_kept_is_bounded_also_in_an_endless_gop() -> None:
    track = started()
    fed(track, 0, 100, gop=10**9, size_bytes=MOST_KEPT_BYTES // 50)
    assert numbers(track.join(nothing)) == []  # its keyframe is gone
    kept = [n for n in range(track.end) if track.kept(n) is not None]
    assert sum(len(k.record.payload) for n in kept if (k := track.kept(n))) <= MOST_KEPT_BYTES


def test_a_lost_source_leaves_nothing_to_late_viewers() -> None:
    track = started()
    fed(track, 0, 5)
    old = track.join(nothing)
    assert numbers(old) == [0, 1, 2, 3, 4]
    track.source_lost()
    track.feed(unit(5, True), 0.0)  # no configuration yet: not decodable
    assert numbers(old) == numbers(track.join(nothing)) == []
    track.feed(config_record(VIDEO), 0.0)
    fed(track, 10, 2)
    assert numbers(old) == [10, 11]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 300)), max_size=20), st.integers(1, 12))
def test_a_viewer_never_gets_a_unit_without_those_it_refers_to(turns: list[tuple[int, int]], gop: int) -> None:
    track = started()
    cursor = track.join(nothing)
    sent = taken_units = lost = 0
    previous: int | None = None
    for count, most_bytes in turns:
        fed(track, sent, count, gop)
        sent += count
        taken = cursor.take(most_bytes, 0.0)
        lost += taken.lost_units
        for record, flags in taken.records:
            if record.kind is RecordKind.CONFIG:
                continue
            taken_units += 1
            assert record.flags & RecordFlags.KEYFRAME or previous == record.pts - 1
            assert bool(flags & RecordFlags.DISCONTINUITY) == (previous is None or previous != record.pts - 1)
            previous = record.pts
    while cursor.ready:
        taken = cursor.take(10**9, 0.0)
        lost += taken.lost_units
        taken_units += sum(r.kind is RecordKind.VIDEO for r, _ in taken.records)
    assert taken_units + lost == sent


def test_a_viewer_behind_a_lost_source_is_told_what_it_lost() -> None:
    track = started()
    fed(track, 0, 5)
    cursor = track.join(nothing)
    track.broke()
    taken = cursor.take(10**9, 0.0)
    assert taken.records == []
    assert taken.lost_units == 5
