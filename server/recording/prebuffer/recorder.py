"""A track that is recorded now and then, with a pre-buffer on disk: longer than memory could hold."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Protocol

from common.foundation.clock import US_PER_S, Clock
from common.foundation.errors import StorageError
from common.media.access_unit import AccessUnit, Codec, CodecConfig, MediaKind
from server.recording.mediadb.contract import TrackKey, TrackWriter
from server.recording.mediadb.events import Overflow
from server.recording.prebuffer.buffer import PieceBuffer
from server.recording.prebuffer.pieces import Piece, Place
from server.recording.prebuffer.spool import Spool

log = logging.getLogger(__name__)

_PIECE_US = US_PER_S
_PIECE_BYTES = 8 << 20
_PAUSE_S = 0.02  # between looks at a writer that is behind
_SOON_BYTES = 8 << 20  # waiting in memory to be recorded: more goes to disk meanwhile
_BEHIND_US = 60 * US_PER_S
_CLOSE_S = 30.0

Start = Callable[[Coroutine[object, object, None], str], "asyncio.Task[None]"]


class Storage(Protocol):
    """What the recorder asks of the storage that the track belongs to."""

    def spool(self) -> Spool:
        """Where pieces go now."""

    def has_room(self) -> bool:
        """Whether the writer keeps up, so that the past may be handed to it beside all that is live."""

    def lost(self, event: Overflow) -> None:
        """What was to be recorded could not be."""


class _State(Enum):
    WAITING = auto()  # for recording to start
    CATCHING_UP = auto()  # what was kept is being recorded; what comes is kept behind it
    RECORDING = auto()  # straight to the writer


class SpooledRecorder:
    """Implements Recorder. When recording starts, what was kept is handed to the writer, oldest first, no faster than
    it can take it, while what comes meanwhile is kept behind; so nothing is missing or stored twice, and order stays.

    Unlike in memory, what came before a break of the stream stays in the pre-buffer: as a run of its own.
    """

    def __init__(
        self,
        key: TrackKey,
        writer: TrackWriter,
        storage: Storage,
        prebuffer_s: float,
        *,
        clock: Clock,
        start: Start,
        recording: bool,
    ) -> None:
        self._key = key
        self._writer = writer
        self._storage = storage
        self._clock = clock
        self._start = start
        self._state = _State.RECORDING if recording else _State.WAITING
        self._buffer = PieceBuffer(int(prebuffer_s * US_PER_S))
        self._config: CodecConfig | None = None
        self._has_gops = True
        self._in_gop = False
        self._open: list[AccessUnit] = []
        self._open_bytes = 0
        self._newest_us = 0
        self._next_number = 0
        self._run = 0
        self._stop_at: int | None = None  # recording was stopped before the piece of this number
        self._written_run: int | None = None
        self._written_config: CodecConfig | None = None
        self._lost_gops = self._lost_units = self._lost_bytes = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def recording(self) -> bool:
        return self._state is _State.RECORDING or (self._state is _State.CATCHING_UP and self._stop_at is None)

    @property
    def memory_bytes(self) -> int:
        """What is held in memory."""
        return self._buffer.memory_bytes + self._open_bytes

    def configure(self, config: CodecConfig) -> None:
        if config == self._config:
            return
        self._close_piece()
        self._config = config
        self._in_gop = False
        self._has_gops = config.kind is MediaKind.VIDEO and config.codec is not Codec.MJPEG
        if self._state is _State.RECORDING:
            self._writer.configure(config)
            self._written_config = config

    def write(self, unit: AccessUnit, *, new_run: bool) -> None:
        if new_run:
            self.end_run()
        if self._state is _State.RECORDING:
            self._writer.write(unit)
        else:
            self._keep(unit)

    def end_run(self) -> None:
        self._close_piece()
        self._in_gop = False
        self._run += 1
        if self._state is _State.RECORDING:
            self._writer.end_run()
            self._written_run = self._run

    def set_recording(self, on: bool) -> None:
        if on == self.recording:
            return
        if on and self._state is _State.CATCHING_UP:
            self._stop_at = None  # what came since the stop is behind all that is still to be recorded
        elif on:
            self._state = _State.CATCHING_UP
            self._written_run = self._written_config = None
            self._task = self._start(self._catch_up(), f"prebuffer {self._key.device} {self._key.track}")
        elif self._state is _State.CATCHING_UP:
            self._close_piece()
            self._stop_at = self._next_number
        else:
            self._wait()

    async def close(self) -> None:
        """Returns when all that is to be recorded was handed to the writer, or the disk did not take it for long."""
        self.set_recording(False)
        task = self._task
        if task is not None and not task.done():
            await asyncio.wait((task,), timeout=_CLOSE_S)
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
                while self._buffer.pieces:
                    self._lose(self._buffer.drop_oldest())
                self._tell_lost()
        self._open, self._open_bytes = [], 0
        self._buffer.clear()

    # keeping

    def _keep(self, unit: AccessUnit) -> None:
        units = self._open
        if units and (
            (unit.keyframe and self._has_gops)
            or not 0 <= unit.utc_us - units[0].utc_us < _PIECE_US
            or self._open_bytes >= _PIECE_BYTES
        ):
            self._close_piece()
        if not unit.keyframe and not self._in_gop:
            return
        self._in_gop = True
        self._open.append(unit)
        self._open_bytes += len(unit.data)
        self._newest_us = unit.utc_us

    def _close_piece(self) -> None:
        """What was gathered is a piece, and goes to the disk."""
        if not self._open:
            return
        assert self._config is not None  # units come after it
        piece = Piece(self._next_number, self._run, self._config, self._open, self._open_bytes)
        self._next_number += 1
        self._open, self._open_bytes = [], 0
        buffer = self._buffer
        buffer.add(piece)
        if self._state is _State.WAITING:
            self._offer()
            buffer.trim(self._newest_us)
            if buffer.drop_from_memory(self._newest_us, by_age=True):
                self._storage.spool().failed("it does not keep up")
            return
        if buffer.memory_bytes > _SOON_BYTES:
            self._offer()
        dropped = buffer.drop_from_memory(self._newest_us, by_age=False)
        while buffer.pieces and self._newest_us - buffer.pieces[0].start > 2 * buffer.length_us + _BEHIND_US:
            dropped += buffer.drop_oldest()
        self._lose(dropped)

    def _offer(self) -> None:
        """Have what is only in memory written to disk, as far as the disk takes it."""
        spool = self._storage.spool()
        waiting = [piece for piece in self._buffer.in_memory() if not piece.offered]
        for piece in waiting:
            if not spool.write(self._key, piece, self._written):
                break
            piece.offered = True

    def _written(self, piece: Piece, place: Place | None) -> None:
        piece.offered = False
        if place is not None:
            self._buffer.moved(piece, place)

    # recording what was kept

    async def _catch_up(self) -> None:
        try:
            while self._state is _State.CATCHING_UP:
                await self._step()
        except Exception:  # supervisor: a bug here must not take the other cameras of this engine with it
            log.exception("pre-buffer not recorded", extra={"device_id": self._key.device})
            while self._buffer.pieces:
                self._lose(self._buffer.drop_oldest())
            self._go_on()

    async def _step(self) -> None:
        """Record the oldest piece, or find that there is none."""
        if not self._buffer.pieces and self._stop_at is None:
            self._close_piece()
        if not self._buffer.pieces or self._next_is_not_recorded():
            self._go_on()
            return
        if not self._storage.has_room():
            await self._clock.sleep(_PAUSE_S)
            return
        piece = self._buffer.take_oldest()
        if piece.units is not None:
            self._hand_over(piece, list(piece.units))
            await asyncio.sleep(0)  # others have their turn
            return
        assert piece.place is not None
        try:
            units = await piece.place.keeper.read(piece.place)
        except StorageError as error:
            log.error("pre-buffer not read", extra={"device_id": self._key.device, "reason": str(error)})
            self._lose([piece])
        else:
            self._hand_over(piece, units)
        finally:
            piece.place.keeper.let_go(piece.place)

    def _next_is_not_recorded(self) -> bool:
        return self._stop_at is not None and self._buffer.pieces[0].number >= self._stop_at

    def _hand_over(self, piece: Piece, units: list[AccessUnit]) -> None:
        if self._lost_units and not piece.begins:
            self._lose([piece])
            return
        if self._lost_units:
            self._tell_lost()
            self._writer.end_run()
        self._follow(piece.run, piece.config)
        for unit in units:
            self._writer.write(unit)

    def _follow(self, run: int, config: CodecConfig | None) -> None:
        """Have the writer ready for units of this run."""
        if self._written_run not in (None, run):
            self._writer.end_run()
        self._written_run = run
        if config is not None and config is not self._written_config:
            self._writer.configure(config)
            self._written_config = config

    def _go_on(self) -> None:
        """All that was kept is recorded: what comes goes straight to the writer, or is kept again."""
        self._tell_lost()
        if self._stop_at is not None:
            self._wait()
            return
        self._follow(self._run, self._config)
        self._state = _State.RECORDING

    def _wait(self) -> None:
        """Recording has ended."""
        self._writer.end_run()
        if self._state is _State.RECORDING:
            self._in_gop = False
        self._state, self._stop_at = _State.WAITING, None
        if self._buffer.pieces and not self._buffer.pieces[0].begins:  # the rest of a GOP that is recorded in part
            self._buffer.drop_oldest()
        if not self._buffer.pieces and not (self._open and self._open[0].keyframe):
            self._open, self._open_bytes, self._in_gop = [], 0, False

    def _lose(self, pieces: list[Piece]) -> None:
        """What was to be recorded is not."""
        lost = [piece for piece in pieces if self._stop_at is None or piece.number < self._stop_at]
        if not lost:
            return
        if not self._lost_units:
            self._storage.lost(Overflow(self._key, 0, 0, 0, over=False))
        self._lost_gops += sum(piece.begins for piece in lost)
        self._lost_units += sum(piece.count for piece in lost)
        self._lost_bytes += sum(piece.size_bytes for piece in lost)

    def _tell_lost(self) -> None:
        if self._lost_units:
            self._storage.lost(Overflow(self._key, self._lost_gops, self._lost_units, self._lost_bytes, over=True))
            self._lost_gops = self._lost_units = self._lost_bytes = 0
