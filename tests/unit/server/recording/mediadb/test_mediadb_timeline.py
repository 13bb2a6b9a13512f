"""Runs of segments, sequences over them, timelines in buckets, and keyframes found without reading media."""

import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb import runs
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.index import _SCHEMA, SealedSegment, SegmentIndex
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.timeline import Buckets, timeline
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import video_sample

KEYS = [TrackKey(DeviceId(f"camera {n}"), PRIMARY) for n in range(2)]
EVER = Span(UtcUs(0), UtcUs(1 << 60))


def heads(index: SegmentIndex) -> list[tuple[str, str, int]]:
    with sqlite3.connect(index.path) as connection:
        found = connection.execute("SELECT * FROM heads ORDER BY 1, 2, 3").fetchall()
    connection.close()
    return found


def sealed(key: TrackKey, start: int, end: int, gaps: int = 0) -> SealedSegment:
    return SealedSegment(key, UtcUs(start), UtcUs(end), gaps, 1000, b"")


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["seal", "open", "seal next", "delete", "remove", "end", "clear"]),
        st.integers(0, 1),
        st.integers(0, 12),
        st.integers(1, 3),
        st.integers(0, 1),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_the_heads_of_runs_follow_every_change(changes: list[tuple[str, int, int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = SegmentIndex(Path(folder), writable=True)
        assert index.check() == []
        for what, number, start, length, gaps in changes:
            key = KEYS[number]
            rows = index.rows("device=? AND start_us=?", (key.device, start))
            match what:
                case "seal":
                    index.record([sealed(key, start, start + length, gaps and length > 1)], [])
                case "open":
                    index.record([], [(key, UtcUs(start))])
                case "seal next":
                    index.record([sealed(key, start, start + length)], [(key, UtcUs(start + length))])
                case "delete":
                    index.mark_deleting([row.id for row in rows])
                case "remove":
                    index.remove([row.id for row in rows])
                case "end":
                    index.set_end(key, UtcUs(start), UtcUs(start + length))
                case _ if start == 0:
                    index.clear()
        kept = heads(index)
        with sqlite3.connect(index.path) as connection:
            connection.executescript(runs.FILL)
        connection.close()
        assert kept == heads(index)
        for key in KEYS:
            rows = index.spans(key, 0, 100)
            found = index.runs(key, 0, 100, 100)
            assert [first.start for first, _ in found] == [at for device, _, at in kept if device == key.device]
            nexts = [first.start for first, _ in found[1:]]
            for (_, end), behind in zip(found, [*nexts, 1000][: len(found)], strict=True):
                assert end == [row for row in rows if row.start < behind][-1].end
        index.close()


def test_an_index_of_the_first_version_is_brought_up_to_date_by_a_reader(tmp_path: Path) -> None:
    index = SegmentIndex(tmp_path, writable=False)
    with sqlite3.connect(index.path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_SCHEMA)
        for start in (0, 10, 20, 50, 60):
            connection.execute(
                "INSERT INTO segments (device, track, start_us, end_us, state, gaps, size_bytes)"
                " VALUES (?, ?, ?, ?, 1, 0, 5)",
                (*KEYS[0], start, start + 10),
            )
        connection.execute("PRAGMA user_version=1")
    connection.close()
    reader = MediaDatabaseReader(tmp_path)
    assert reader.sequences(KEYS[0], EVER) == [Span(UtcUs(0), UtcUs(30)), Span(UtcUs(50), UtcUs(70))]
    assert reader.sequences(KEYS[0], Span(UtcUs(25), UtcUs(26))) == [Span(UtcUs(0), UtcUs(30))]
    assert reader.sequences(KEYS[0], Span(UtcUs(30), UtcUs(50))) == []
    assert reader.sequences(KEYS[0], EVER, 1) == [Span(UtcUs(0), UtcUs(30))]
    reader.close()


@given(
    st.lists(st.integers(0, 10_000), max_size=30, unique=True),
    st.integers(0, 10_000),
    st.integers(1, 10_000),
    st.integers(1, 300),
)
def test_buckets_hold_what_the_spans_cover(marks: list[int], start: int, length: int, count: int) -> None:
    marks.sort()
    spans = [Span(UtcUs(low), UtcUs(high)) for low, high in zip(marks[::2], marks[1::2], strict=False)]
    buckets = Buckets(Span(UtcUs(start), UtcUs(start + length)), count)
    covered = sum(max(0, min(s.end, start + length) - max(s.start, start)) for s in spans)
    amounts = buckets.amounts_us(spans)
    assert abs(sum(amounts) - covered) < 1e-3
    for number in range(count):
        low, high = start + number * length / count, start + (number + 1) * length / count
        inside = sum(max(0.0, min(s.end, high) - max(s.start, low)) for s in spans)
        assert abs(amounts[number] - inside) < 1e-6
    assert all(0 <= share <= 1 for share in buckets.shares(spans))


async def test_a_timeline_follows_what_is_being_written(tmp_path: Path) -> None:
    config, units = video_sample(frames=250, gop=50)
    key = KEYS[0]
    reader = MediaDatabaseReader(tmp_path)
    keyframes = [unit.utc_us for unit in units if unit.keyframe]
    rest = WriterSettings(segment_s=4, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), rest, lambda event: None) as writer:
        track = writer.track(key)
        track.configure(config)
        for unit in units:
            track.write(unit)
        buckets = Buckets(Span(units[0].utc_us, UtcUs(units[0].utc_us + 20_000_000)), 20)
        while timeline(reader, [key], buckets)[key][:9] != [1.0] * 9:
            pass
        assert timeline(reader, [key], buckets)[key][10:] == [0.0] * 10
        assert reader.next_keyframe(key, UtcUs(0)) == keyframes[0]
        assert reader.previous_keyframe(key, UtcUs(1 << 60)) == keyframes[-1]
        await track.close()
    for at, (before, after) in {
        keyframes[0]: (None, keyframes[1]),
        keyframes[2]: (keyframes[1], keyframes[3]),
        UtcUs(keyframes[2] + 1): (keyframes[2], keyframes[3]),
        keyframes[-1]: (keyframes[-2], None),
    }.items():
        assert reader.previous_keyframe(key, at) == before
        assert reader.next_keyframe(key, at) == after
    assert reader.skipped == 0
    reader.close()
