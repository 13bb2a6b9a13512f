"""A live tile in the decoder process: takes the stream that fits, and changes over without a blink."""

import time
from collections.abc import Callable

from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, SECONDARY, TrackName
from common.protocols.media_channel.messages import Error, ServerMessage, State
from smartclient.video.control import TileQuality, TileState
from smartclient.video.decode_budget import TileCost
from smartclient.video.decode_turns import DecodeTurns
from smartclient.video.live_stream import LiveStream
from smartclient.video.quality import Level
from smartclient.video.recorder_link import RecorderLink
from smartclient.video.stream_choice import StreamChoice
from smartclient.video.tile_output import TileOutput

_PATIENCE_S = 5.0  # with a smaller stream that sends nothing
SUBS_A_TILE = 2


class LiveTile:
    """A StreamOwner. `report` may be called from any thread; everything else happens on the event loop."""

    def __init__(
        self,
        tile: int,
        device: DeviceId,
        track: str,
        *,
        output: TileOutput,
        turns: DecodeTurns,
        report: Callable[[TileState | TileQuality], None],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self.tile = tile
        self.selected = False
        self._device = device
        self._output = output
        self._turns = turns
        self._report = report
        self._later = later
        self._choice = StreamChoice(track)
        self._level = Level.FULL
        self._link: RecorderLink | None = None
        self._stream = self._made(self._chosen())
        self._coming: LiveStream | None = None
        self._said: TileQuality | None = None

    # from the worker

    def join(self, link: RecorderLink) -> None:
        """Subscribe at this recorder."""
        self._link = link
        for stream in self._streams():
            link.add(stream)

    def leave(self) -> None:
        """Unsubscribe."""
        for stream in self._streams():
            self._end(stream)
        self._coming = None

    def resized(self) -> None:
        """The box or the part that is shown is another: show the last picture like that now."""
        self._output.show_again()
        self._choose()

    def set_level(self, level: Level) -> None:
        """Leave out more, or less."""
        self._level = level
        for stream in self._streams():
            stream.level = level
        self._choose()
        self._say_quality()

    def cost(self, seconds: float) -> TileCost:
        """What it took since the last call, `seconds` ago."""
        spent_s = 0.0
        for stream in self._streams():
            spent_s += stream.spent_s
            stream.spent_s = 0.0
        smaller = self._choice.has_smaller and (self._stream.track == PRIMARY or self._level >= Level.SMALLER)
        return TileCost(self.tile, self._level, spent_s / max(seconds, 0.001), self.selected, smaller)

    def look(self) -> None:
        """About once a second: a smaller stream that sends nothing is given up for a while."""
        now_s = time.monotonic()
        for stream in self._streams():
            if stream.track == SECONDARY and now_s - stream.heard_s > _PATIENCE_S and self._connected():
                self._choice.silent(SECONDARY, now_s)
        self._choose()

    # from its streams

    def said(self, stream: LiveStream, message: ServerMessage) -> None:
        if isinstance(message, Error) and stream.track == SECONDARY and self._choice.has_smaller:
            self._choice.missing(SECONDARY)
            self._choose()
            if stream is self._stream and self._coming is not None:
                self._change_over(self._coming)
        elif stream is not self._stream:
            return
        elif isinstance(message, State):
            self._report(TileState(self.tile, message.state, message.since_us, message.reason))
        elif isinstance(message, Error):
            self._report(TileState(self.tile, "refused", reason=message.message, code=message.code))

    def configured(self, stream: LiveStream) -> None:
        self._later(lambda: self._learn(stream))

    def shown(self, stream: LiveStream) -> None:
        if stream is self._coming:
            self._stream.ended = True  # at once: an older picture of it must not come after the first of this one
            self._later(lambda: self._change_over(stream))

    def broken(self, stream: LiveStream, reason: str) -> None:
        if stream is self._stream:
            self._report(TileState(self.tile, "broken" if reason else "live", reason=reason))

    # choosing

    def _connected(self) -> bool:
        return self._link is not None and self._link.connected

    def _streams(self) -> tuple[LiveStream, ...]:
        return (self._stream,) if self._coming is None else (self._stream, self._coming)

    def _chosen(self) -> TrackName:
        smaller = self._level >= Level.SMALLER
        return self._choice.choose(self._output.box_px, self._output.part.width, smaller, time.monotonic())

    def _choose(self) -> None:
        track = self._chosen()
        if self._coming is not None and self._coming.track != track:
            self._end(self._coming)
            self._coming = None
        if self._coming is None and self._stream.track != track and self._link is not None and not self._stream.ended:
            self._coming = self._made(track)
            self._coming.level = self._level
            self._coming.hurry = not self._stream.has_shown
            self._link.add(self._coming)

    def _made(self, track: TrackName) -> LiveStream:
        sub = self.tile * SUBS_A_TILE + (track == SECONDARY)
        return LiveStream(sub, self._device, track, output=self._output, owner=self, wake=self._turns.wake)

    def _change_over(self, stream: LiveStream) -> None:
        if stream is not self._coming:
            return  # ended meanwhile
        old, self._stream, self._coming = self._stream, stream, None
        self._end(old)
        self._say_quality()

    def _end(self, stream: LiveStream) -> None:
        stream.ended = True
        self._turns.forget(stream)
        if self._link is not None:
            self._link.remove(stream)

    def _learn(self, stream: LiveStream) -> None:
        self._choice.learn(stream.track, *stream.size_px)
        self._choose()
        self._say_quality()

    def _say_quality(self) -> None:
        stream = self._stream
        quality = TileQuality(self.tile, str(stream.track), *stream.size_px, int(self._level))
        if quality != self._said and stream.size_px != (0, 0):
            self._said = quality
            self._report(quality)
