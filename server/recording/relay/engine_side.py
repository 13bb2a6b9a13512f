"""The engine's end of the relay: hands the gateway the tracks that it asks for, over one Unix socket."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from common.foundation.errors import ProtocolError
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, CodecConfig, TrackName
from common.protocols.media_channel.messages import (
    Dropped,
    ServerMessage,
    State,
    Subscribe,
    Unsubscribe,
    decode_client,
    encode,
)
from common.protocols.media_channel.records import (
    HEADER_BYTES,
    MediaRecord,
    RecordFlags,
    RecordKind,
    config_record,
    header,
    kind_of,
)
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import AccessUnitBus, DeviceState
from server.recording.relay.framing import BINARY, TEXT, FrameReader, prefix, text_frame

log = logging.getLogger(__name__)

_MOST_UNSENT_BYTES = 32 * 1024 * 1024  # a gateway that is this far behind loses whole GOPs


@dataclass(slots=True)
class _Watched:
    """One track that the gateway watches."""

    sub: int
    device: DeviceId
    track: TrackName
    config: CodecConfig | None = None
    kind: RecordKind = RecordKind.VIDEO
    sequence: int = 0
    broken: bool = True  # the next unit sent does not follow the one before
    waiting: bool = True  # for a keyframe
    lost_gops: int = 0
    lost_units: int = 0


class _GatewayConnection(asyncio.Protocol):
    """One connection of the gateway; a consumer of the bus."""

    def __init__(self, bus: AccessUnitBus, connections: set["_GatewayConnection"]) -> None:
        self._bus = bus
        self._connections = connections
        self._reader = FrameReader()
        self._by_sub: dict[int, _Watched] = {}
        self._by_track: dict[tuple[DeviceId, TrackName], tuple[_Watched, ...]] = {}
        self.transport: asyncio.Transport | None = None

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self.transport.set_write_buffer_limits(high=_MOST_UNSENT_BYTES)
        self._connections.add(self)
        self._bus.subscribe(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._bus.unsubscribe(self)
        self._connections.discard(self)
        self.transport = None

    def data_received(self, data: bytes) -> None:
        try:
            for kind, content in self._reader.feed(data):
                if kind != TEXT:
                    raise ProtocolError("the gateway sent media")
                self._received(content)
        except ProtocolError as wrong:
            log.error("relay connection closed", extra={"reason": str(wrong)})
            if self.transport is not None:
                self.transport.abort()

    def _received(self, content: bytes) -> None:
        message = decode_client(content)
        if isinstance(message, Subscribe):
            self._unwatch(message.sub)
            self._watch(_Watched(message.sub, message.device, message.track))
        elif isinstance(message, Unsubscribe):
            self._unwatch(message.sub)
        else:
            raise ProtocolError(f"the gateway sent '{message.op}'")

    def _watch(self, watched: _Watched) -> None:
        key = (watched.device, watched.track)
        self._by_sub[watched.sub] = watched
        self._by_track[key] = (*self._by_track.get(key, ()), watched)
        state = self._bus.state_of(watched.device)
        if state is not None:
            self._say(_state_message(watched, state))
        current = self._bus.current(watched.device, watched.track)
        if current is not None:
            config, units = current
            self._configure(watched, config)
            for unit in units[:-1]:
                self._deliver(watched, unit, RecordFlags.PREROLL)
            for unit in units[-1:]:
                self._deliver(watched, unit, 0)

    def _unwatch(self, sub: int) -> None:
        watched = self._by_sub.pop(sub, None)
        if watched is not None:
            key = (watched.device, watched.track)
            left = tuple(other for other in self._by_track[key] if other is not watched)
            if left:
                self._by_track[key] = left
            else:
                del self._by_track[key]

    # the bus

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        for track in tracks:
            for watched in self._by_track.get((track.device, track.track), ()):
                self._configure(watched, track.config)

    def unit(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        for watched in self._by_track.get((device, track), ()):
            self._deliver(watched, unit, 0)

    def state(self, device: DeviceId, state: DeviceState) -> None:
        for watched in self._by_sub.values():
            if watched.device == device:
                self._say(_state_message(watched, state))
                if state.state != "live":
                    watched.broken = watched.waiting = True

    # to the gateway

    def _configure(self, watched: _Watched, config: CodecConfig) -> None:
        """Send a configuration when it is new: in force from the next unit, a keyframe."""
        if config != watched.config:
            watched.config, watched.kind = config, kind_of(config)
            watched.waiting = True
            self._write(config_record(config, watched.sub, watched.sequence))
            watched.sequence += 1

    def _deliver(self, watched: _Watched, unit: AccessUnit, flags: int) -> None:
        if watched.config is None or self.transport is None:
            return
        if watched.waiting and not unit.keyframe:
            watched.lost_units += watched.lost_gops > 0  # before the first keyframe nothing is lost
            return
        if self.transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
            watched.lost_gops += unit.keyframe or watched.lost_gops == 0
            watched.lost_units += 1
            watched.waiting = watched.broken = True
            return
        if watched.lost_gops:
            self._say(Dropped(watched.sub, watched.lost_gops, watched.lost_units))
            log.warning("gateway too slow", extra={"camera_id": watched.device, "units": watched.lost_units})
        if watched.broken:
            flags |= RecordFlags.DISCONTINUITY
        if unit.keyframe:
            flags |= RecordFlags.KEYFRAME
        if unit.disposable:
            flags |= RecordFlags.DISPOSABLE
        watched.waiting = watched.broken = False
        watched.lost_gops = watched.lost_units = 0
        self._write(
            MediaRecord(
                watched.kind,
                flags,
                0,
                watched.sub,
                watched.sequence,
                unit.utc_us,
                unit.pts,
                unit.dts,
                watched.config.timescale,
                unit.data,
            )
        )
        watched.sequence += 1

    def _write(self, record: MediaRecord) -> None:
        if self.transport is not None:
            size = HEADER_BYTES + len(record.payload)
            self.transport.writelines((prefix(BINARY, size) + header(record), record.payload))

    def _say(self, message: ServerMessage) -> None:
        if self.transport is not None:
            self.transport.write(text_frame(encode(message)))


def _state_message(watched: _Watched, state: DeviceState) -> State:
    return State(watched.sub, state.state, state.since, state.reason[:4096])


def _remove(path: Path) -> None:
    """Remove the socket file, which a killed process leaves behind."""
    path.unlink(missing_ok=True)


@asynccontextmanager
async def serve_relay(path: Path, bus: AccessUnitBus) -> AsyncIterator[None]:
    """Serve the tracks of `bus` on a Unix socket at `path`, open to this user only, until left."""
    connections: set[_GatewayConnection] = set()
    loop = asyncio.get_running_loop()
    _remove(path)
    before = os.umask(0o177)
    try:
        server = await loop.create_unix_server(lambda: _GatewayConnection(bus, connections), str(path))
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        for connection in tuple(connections):
            if connection.transport is not None:
                connection.transport.abort()
        await server.wait_closed()
        _remove(path)
