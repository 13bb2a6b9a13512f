"""The listened microphone in the decoder process: live as it comes, recorded when the master clock reaches it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from common.clients.media import MediaConnection
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from common.media.decoding import AudioDecoder, PcmBlock
from common.protocols.media_channel.messages import Error, ServerMessage, State, Subscribe
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_of
from smartclient.video.audio_ring import RingWriter
from smartclient.video.clock import PlayClock, is_older
from smartclient.video.control import PLAYBACK_GROUP, Sound
from smartclient.video.slots import monotonic_us

log = logging.getLogger(__name__)

SOUND_SUB = 2
EARLY_US = 60_000  # written that much before it is due: the speaker keeps as much in hand
_LATE_US = 300_000
_MOST_WAITING = 2000
_MOST_BLOCKS = 200


class SoundTrack:
    """One audio subscription, live when `clock` is None. Sound is only made at normal speed."""

    sub = SOUND_SUB

    def __init__(
        self,
        device: DeviceId,
        ring: RingWriter,
        decode: Executor,
        report: Callable[[Sound], None],
        clock: PlayClock | None,
    ) -> None:
        self._device = device
        self._ring = ring
        self._pool = decode
        self._report = report
        self._clock = clock
        self._waiting: deque[MediaRecord] = deque(maxlen=_MOST_WAITING)
        self._blocks: deque[PcmBlock] = deque()
        self._wake = asyncio.Event()
        self._decoder: AudioDecoder | None = None

    def play(self, clock: PlayClock) -> None:
        """Follow another clock."""
        if self._clock is None:
            return
        if clock.generation != self._clock.generation or clock.paused or clock.speed != 1.0:
            self._waiting = deque(
                [record for record in self._waiting if record.kind is RecordKind.CONFIG][-1:], _MOST_WAITING
            )
            self._blocks.clear()
            self._ring.break_off()
        self._clock = clock
        self._wake.set()

    def connected(self, connection: MediaConnection) -> None:
        """Subscribe (again)."""
        self._waiting.clear()
        clock = self._clock
        if clock is None:
            connection.send(Subscribe(self.sub, self._device, PRIMARY))
            return
        at = clock.playhead_us(monotonic_us())
        connection.send(
            Subscribe(self.sub, self._device, PRIMARY, at, PLAYBACK_GROUP, clock.speed, clock.paused, clock.generation)
        )

    def message(self, message: ServerMessage) -> None:
        if isinstance(message, State):
            self._report(Sound(message.state, message.reason))
        elif isinstance(message, Error):
            self._report(Sound("refused", message.message))

    def record(self, record: MediaRecord) -> None:
        if record.kind not in (RecordKind.CONFIG, RecordKind.AUDIO):
            return
        if record.kind is RecordKind.AUDIO:
            if record.flags & RecordFlags.PREROLL:
                return
            if self._clock is not None and is_older(record.generation, self._clock.generation):
                return
        self._waiting.append(record)
        self._wake.set()

    async def run(self) -> None:
        """Decode and write until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            while self._waiting and len(self._blocks) < _MOST_BLOCKS:
                records = [self._waiting.popleft() for _ in range(min(8, len(self._waiting)))]
                generation = None if self._clock is None else self._clock.generation
                blocks = await loop.run_in_executor(self._pool, self._decode, records)
                if self._clock is None or generation == self._clock.generation:
                    self._blocks.extend(blocks)
                wait_us = self._write_due()
            wait_us = self._write_due()
            try:
                async with asyncio.timeout(None if wait_us is None else wait_us / 1e6):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _write_due(self) -> int | None:
        clock = self._clock
        while self._blocks:
            if clock is not None:
                if clock.paused or clock.speed != 1.0:
                    self._blocks.clear()
                    return None
                until_us = self._blocks[0].utc_us - clock.playhead_us(monotonic_us()) - EARLY_US
                if until_us > 0:
                    return until_us
                if until_us < -_LATE_US:
                    self._blocks.popleft()
                    continue
            self._ring.write(self._blocks.popleft().samples)
        return None

    def _decode(self, records: list[MediaRecord]) -> list[PcmBlock]:  # decoder thread
        blocks: list[PcmBlock] = []
        for record in records:
            try:
                if record.kind is RecordKind.CONFIG:
                    self._decoder = AudioDecoder(config_of(record))
                elif self._decoder is not None:
                    block = self._decoder.decode(record.access_unit())
                    if block.samples:
                        blocks.append(block)
            except VmsError as error:
                log.warning("sound cannot be decoded", extra={"device": self._device, "cause": str(error)})
                if record.kind is RecordKind.CONFIG:
                    self._decoder = None
                    self._report(Sound("broken", str(error)))
        return blocks
