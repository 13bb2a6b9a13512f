"""The gateway's end of the relay: one subscription a watched track to the engine that has it, for all its viewers."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.errors import ProtocolError
from common.foundation.ids import DeviceId
from common.protocols.media_channel.messages import Dropped, State, Subscribe, Unsubscribe, decode_server, encode
from common.protocols.media_channel.records import unpack_all
from server.recording.mediadb.contract import TrackKey
from server.recording.relay.framing import TEXT, FrameReader, text_frame
from server.recording.relay.live_track import Cursor, LiveTrack, TrackState

log = logging.getLogger(__name__)

CONNECTING = "Vedette connects to the camera."
RESTARTING = "The recording server restarts its connection to the camera."
DISABLED = "An administrator has disabled this camera."


class EngineLink:
    """The connection to one engine's relay socket. Reconnects for ever; watched tracks are subscribed again."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._numbers = itertools.count(1)
        self._subs: dict[TrackKey, int] = {}
        self._tracks: dict[int, LiveTrack] = {}
        self._transport: asyncio.Transport | None = None
        self.lost_units = 0  # left out by the engine because this process was too slow

    @property
    def connected(self) -> bool:
        return self._transport is not None

    def watch(self, key: TrackKey, track: LiveTrack) -> None:
        """Feed `track` with the units of `key` until `unwatch`."""
        sub = next(self._numbers)
        self._subs[key], self._tracks[sub] = sub, track
        self._say(Subscribe(sub, key.device, key.track))

    def unwatch(self, key: TrackKey) -> None:
        sub = self._subs.pop(key, None)
        if sub is not None:
            del self._tracks[sub]
            self._say(Unsubscribe(sub))

    async def run(self) -> None:
        """Stay connected until cancelled."""
        retry = Backoff(0.05, 0.5)
        loop = asyncio.get_running_loop()
        while True:
            try:
                transport, connection = await loop.create_unix_connection(
                    lambda: _EngineConnection(self), str(self._path)
                )
            except OSError:  # the engine is starting, or gone; whoever supervises it says so
                await self._clock.sleep(retry.next_s())
                continue
            try:
                await connection.closed.wait()
                retry.succeeded()
            finally:
                transport.abort()
                self._disconnected()
            log.warning("engine connection lost", extra={"socket": self._path.name, "tracks": len(self._tracks)})
            await self._clock.sleep(retry.next_s())

    # from the connection

    def _connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        for key, sub in self._subs.items():
            self._say(Subscribe(sub, key.device, key.track))

    def _disconnected(self) -> None:
        self._transport = None
        for track in self._tracks.values():
            track.source_lost()
            if track.state.state != "stopped":
                track.set_state(TrackState("lost", self._clock.now_us(), RESTARTING))

    def _text(self, content: bytes) -> None:
        message = decode_server(content)
        if isinstance(message, State):
            track = self._tracks.get(message.sub)
            if track is not None:
                if message.state != "live":
                    track.broke()
                track.set_state(TrackState(message.state, message.since_us, message.reason))
        elif isinstance(message, Dropped):
            self.lost_units += message.units

    def _binary(self, content: bytes) -> None:
        now_s = self._clock.monotonic_s()
        for record in unpack_all(content):
            track = self._tracks.get(record.sub)
            if track is not None:  # else it crossed our `unsubscribe`
                track.feed(record, now_s)

    def _say(self, message: Subscribe | Unsubscribe) -> None:
        if self._transport is not None:
            self._transport.write(text_frame(encode(message)))


class _EngineConnection(asyncio.Protocol):
    """Cuts what one engine sends into messages and records."""

    def __init__(self, link: EngineLink) -> None:
        self._link = link
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._link._connected(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        try:
            for kind, content in self._reader.feed(data):
                if kind == TEXT:
                    self._link._text(content)
                else:
                    self._link._binary(content)
        except ProtocolError as wrong:
            log.error("engine sent nonsense", extra={"reason": str(wrong)})
            if self._transport is not None:
                self._transport.abort()


class LiveRelay:
    """All live tracks that somebody watches now, by the engine that has them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._links: dict[DeviceId, EngineLink | None] = {}
        self._tracks: dict[TrackKey, LiveTrack] = {}

    def place(self, links: Mapping[DeviceId, EngineLink | None]) -> None:
        """Say which engine has each device; None: it is disabled. Watched tracks move, without their viewers' help."""
        before, self._links = self._links, dict(links)
        for key, track in self._tracks.items():
            old, new = before.get(key.device), self._links.get(key.device)
            if old is not new:
                if old is not None:
                    old.unwatch(key)
                track.source_lost()
                track.set_state(self._first_state(new))
                if new is not None:
                    new.watch(key, track)

    def watch(self, key: TrackKey, wake: Callable[[], None]) -> tuple[LiveTrack, Cursor]:
        """Join the viewers of a track; `wake` is called when its cursor has something to take."""
        track = self._tracks.get(key)
        if track is None:
            link = self._links.get(key.device)
            track = self._tracks[key] = LiveTrack(self._first_state(link))
            if link is not None:
                link.watch(key, track)
        return track, track.join(wake)

    def leave(self, key: TrackKey, wake: Callable[[], None]) -> None:
        """Leave again; the last viewer's leaving ends the subscription to the engine."""
        track = self._tracks[key]
        track.leave(wake)
        if not track.watched:
            del self._tracks[key]
            link = self._links.get(key.device)
            if link is not None:
                link.unwatch(key)

    def _first_state(self, link: EngineLink | None) -> TrackState:
        if link is None:
            return TrackState("stopped", self._clock.now_us(), DISABLED)
        return TrackState("connecting", self._clock.now_us(), CONNECTING)
