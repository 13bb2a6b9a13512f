"""Sound on its way from a decoder process to the speaker: a ring of samples in shared memory.

Layout: words i64: 0 frames written since the beginning, 1 capacity in frames, 2 epoch (rises when what follows does not
continue what came before); samples (s16, two channels, 48 kHz) from byte 4096 on. One writer, one reader.
"""

import mmap

from common.media.decoding import PCM_FRAME_BYTES, PCM_RATE_HZ
from smartclient.video.slots import new_memory

RING_FRAMES = 2 * PCM_RATE_HZ
_SAMPLES_AT_BYTES = 4096
_WRITTEN, _CAPACITY, _EPOCH = 0, 1, 2
JITTER_FRAMES = PCM_RATE_HZ * 60 // 1000
MOST_BEHIND_FRAMES = PCM_RATE_HZ * 250 // 1000


def new_ring() -> int:
    """Return a descriptor of an empty ring."""
    return new_memory(_SAMPLES_AT_BYTES + RING_FRAMES * PCM_FRAME_BYTES)


class _Ring:
    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, 0)
        self._bytes = memoryview(self._map)
        self._words = self._bytes[:_SAMPLES_AT_BYTES].cast("q")
        self._samples = self._bytes[_SAMPLES_AT_BYTES:]

    def close(self) -> None:
        """Unmap."""
        self._words.release()
        self._samples.release()
        self._bytes.release()
        self._map.close()


class RingWriter(_Ring):
    """The decoder's end."""

    def write(self, samples: bytes) -> None:
        """Append; what the reader did not fetch within two seconds is overwritten."""
        samples = samples[-RING_FRAMES * PCM_FRAME_BYTES :]
        at = (self._words[_WRITTEN] % RING_FRAMES) * PCM_FRAME_BYTES
        first = min(len(samples), len(self._samples) - at)
        self._samples[at : at + first] = samples[:first]
        self._samples[: len(samples) - first] = samples[first:]
        self._words[_WRITTEN] += len(samples) // PCM_FRAME_BYTES

    def break_off(self) -> None:
        """What follows does not continue what came before (seek, gap, another speed)."""
        self._words[_EPOCH] += 1


class RingReader(_Ring):
    """The speaker's end: keeps about 60 ms in hand against jitter, and skips when it falls 250 ms behind."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._at = 0
        self._epoch = -1
        self._filling = True

    def read(self, most_frames: int) -> bytes:
        """Return up to `most_frames` that follow what was read before; nothing while the reserve fills up."""
        written = self._words[_WRITTEN]
        if self._words[_EPOCH] != self._epoch:
            self._epoch = self._words[_EPOCH]
            self._at = max(0, written - JITTER_FRAMES)
            self._filling = True
        waiting = written - self._at
        if waiting > MOST_BEHIND_FRAMES:
            self._at = written - JITTER_FRAMES
            waiting = JITTER_FRAMES
        if self._filling and waiting < JITTER_FRAMES:
            return b""
        self._filling = waiting == 0
        count = min(waiting, most_frames)
        at = (self._at % RING_FRAMES) * PCM_FRAME_BYTES
        end = at + count * PCM_FRAME_BYTES
        over = max(0, end - len(self._samples))
        self._at += count
        return bytes(self._samples[at : end - over]) + bytes(self._samples[:over])
