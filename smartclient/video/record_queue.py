"""Records of one track that wait for the decoder: bounded, and never cut in the middle of a GOP."""

import time
from collections import deque

from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind

MOST_RECORDS = 3000
_KEYFRAME = int(RecordFlags.KEYFRAME)
MOST_BYTES = 64 * 1024 * 1024


class RecordQueue:
    """Filled by the connection, emptied by the track, both on the event loop. `skipped` counts units left out."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, MediaRecord]] = deque()  # with the monotonic second of arrival
        self._bytes = 0
        self._until_keyframe = False
        self.skipped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, record: MediaRecord) -> None:
        """Append; when it is full, drop what waits and go on with the next keyframe."""
        if record.kind is RecordKind.CONFIG:
            self._append(record)
            return
        if self._until_keyframe and not record.flags & _KEYFRAME:
            self.skipped += 1
            return
        self._until_keyframe = False
        if len(self._waiting) >= MOST_RECORDS or self._bytes + len(record.payload) > MOST_BYTES:
            self._drop_before(len(self._waiting))
            self._until_keyframe = not record.flags & _KEYFRAME
            if self._until_keyframe:
                self.skipped += 1
                return
        self._append(record)

    def take(self) -> MediaRecord:
        """Remove the oldest; raises IndexError when there is none."""
        _, record = self._waiting.popleft()
        self._bytes -= len(record.payload)
        return record

    def peek(self) -> MediaRecord | None:
        return self._waiting[0][1] if self._waiting else None

    def clear(self, keep_configuration: bool = False) -> None:
        """Empty it. `keep_configuration`: the newest codec configuration stays in front."""
        if keep_configuration:
            self._drop_before(len(self._waiting))
            return
        self._waiting.clear()
        self._bytes = 0
        self._until_keyframe = False

    def lateness_s(self) -> float:
        """How long the oldest has waited."""
        return time.monotonic() - self._waiting[0][0] if self._waiting else 0.0

    def skip_to_newest_keyframe(self) -> bool:
        """Drop what stands before the newest keyframe; False when there is nothing to drop."""
        newest = next(
            (place for place in range(len(self._waiting) - 1, -1, -1) if self._waiting[place][1].flags & _KEYFRAME),
            0,
        )
        return newest > 0 and self._drop_before(newest) > 0

    def gop_is_complete(self) -> bool:
        """Whether a unit that ends its GOP waits."""
        return any(record.flags & RecordFlags.END_OF_GOP for _, record in self._waiting)

    def _append(self, record: MediaRecord) -> None:
        self._waiting.append((time.monotonic(), record))
        self._bytes += len(record.payload)

    def _drop_before(self, count: int) -> int:
        configuration: tuple[float, MediaRecord] | None = None
        dropped = 0
        for _ in range(count):
            entry = self._waiting.popleft()
            self._bytes -= len(entry[1].payload)
            if entry[1].kind is RecordKind.CONFIG:
                configuration = entry
            else:
                dropped += 1
        if configuration is not None:
            self._waiting.appendleft(configuration)
            self._bytes += len(configuration[1].payload)
        self.skipped += dropped
        return dropped
