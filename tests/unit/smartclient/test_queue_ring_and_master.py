"""The bounded queue before the decoder, the ring of sound, and the operator's master clock."""

import os

from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind
from smartclient.playback.master import MasterClock
from smartclient.video.audio_ring import RING_FRAMES, RingReader, RingWriter, new_ring
from smartclient.video.clock import PlayClock
from smartclient.video.record_queue import MOST_RECORDS, RecordQueue


def record(number: int, keyframe: bool = False, kind: RecordKind = RecordKind.VIDEO) -> MediaRecord:
    flags = int(RecordFlags.KEYFRAME) if keyframe else 0
    return MediaRecord(kind, flags, 0, 1, number, UtcUs(number), number, number, 90_000, b"x" * 10)


def test_a_full_queue_goes_on_with_the_next_keyframe_and_keeps_the_configuration() -> None:
    queue = RecordQueue()
    queue.put(record(0, kind=RecordKind.CONFIG))
    for number in range(1, MOST_RECORDS + 50):
        queue.put(record(number, keyframe=number == 1))
    assert len(queue) == 1
    queue.put(record(9000, keyframe=True))
    queue.put(record(9001))
    assert [queue.take().sequence for _ in range(len(queue))] == [0, 9000, 9001]
    assert queue.skipped == MOST_RECORDS + 49


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_skipping_leaves_exactly_the_newest_gop(keyframes: list[bool]) -> None:
    queue = RecordQueue()
    for number, keyframe in enumerate(keyframes):
        queue.put(record(number, keyframe))
    queue.skip_to_newest_keyframe()
    newest = max((n for n, keyframe in enumerate(keyframes) if keyframe), default=0)
    assert [queue.take().sequence for _ in range(len(queue))] == list(range(newest, len(keyframes)))


def test_sound_comes_out_as_it_went_in_across_the_end_of_the_ring() -> None:
    descriptor = new_ring()
    writer, reader = RingWriter(descriptor), RingReader(descriptor)
    os.close(descriptor)
    assert reader.read(100) == b""
    written, heard = b"", b""
    for number in range(RING_FRAMES // 1000 + 20):
        block = number.to_bytes(4, "little") * 1000
        writer.write(block)
        written += block
        heard += reader.read(1000)
    assert heard
    assert heard in written
    writer.break_off()
    assert reader.read(10_000_000) != b""
    writer.close()
    reader.close()


class Moments:
    """A monotonic clock moved by hand."""

    now_us = 1_000_000

    def __call__(self) -> int:
        return self.now_us


def test_the_master_clock_holds_until_the_first_picture_and_counts_generations(qapp: object) -> None:
    said: list[tuple[PlayClock, str]] = []
    moments = Moments()
    master = MasterClock(lambda clock, cause: said.append((clock, cause)), moments)
    master.seek(5_000)
    assert not master.playing
    master.play()
    moments.now_us += 2_000
    assert master.playhead_us == 7_000
    master.seek(50_000)
    moments.now_us += 9_000
    assert master.playing
    assert master.playhead_us == 50_000
    master.release()
    moments.now_us += 1_000
    assert master.playhead_us == 51_000
    master.set_speed(-2.0)
    master.release()
    moments.now_us += 1_000
    assert master.playhead_us == 49_000
    master.step(1, UtcUs(40_000))
    master.landed(UtcUs(44_000))
    assert (master.playing, master.playhead_us) == (False, 44_000)
    assert [cause for _, cause in said] == ["seek", "resume", "seek", "resume", "speed", "resume", "step+"]
    assert [clock.generation for clock, _ in said] == [1, 1, 2, 2, 3, 3, 4]
