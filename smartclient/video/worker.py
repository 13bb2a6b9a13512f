"""A decoder process: `python -m smartclient.video.worker --control-fd N`. It lives as long as that socket.

Connects to recorders by itself, decodes its tiles and writes pictures into memory shared with the GUI process.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, TrackName
from common.media.picture_part import Part
from common.net.tls import pinned_context
from smartclient.video import control
from smartclient.video.audio_ring import RingWriter
from smartclient.video.clock import PlayClock
from smartclient.video.decode_budget import DecodeBudget
from smartclient.video.decode_turns import DecodeTurns
from smartclient.video.live_tile import SUBS_A_TILE, LiveTile
from smartclient.video.recorded_track import RecordedTrack
from smartclient.video.recorder_link import RecorderLink
from smartclient.video.sound_track import SoundTrack
from smartclient.video.thumbnail_track import ThumbnailTrack
from smartclient.video.tile_output import TileOutput
from smartclient.video.worker_start import die_with_parent, run

log = logging.getLogger(__name__)

_ALIVE_EVERY_S = 1.0
_MOST_UNSENT_BYTES = 8 * 1024 * 1024
_MOST_TILES = 128
_MOST_THUMBNAILS = 16


@dataclass(slots=True)
class _Open:
    """A track with its task, its connection, and what it writes to."""

    track: LiveTile | RecordedTrack | SoundTrack
    link: RecorderLink
    task: asyncio.Task[None] | None = None
    output: TileOutput | None = None
    ring: RingWriter | None = None


class GuiGone(Exception):
    """The GUI process closed the socket: nobody looks any more."""


class Worker:
    """Does what the GUI says; all on one event loop, with two threads beside it for what takes long."""

    def __init__(self, control_socket: socket.socket) -> None:
        self._socket = control_socket
        self._decode = ThreadPoolExecutor(1, "decode")
        self._show = ThreadPoolExecutor(1, "show")
        self._links: dict[str, tuple[RecorderLink, asyncio.Task[None]]] = {}
        self._open: dict[int, _Open] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._tls: ssl.SSLContext | None = None
        self._ca_pem = ""
        self._uris: dict[str, str] = {}
        self._token = ""
        self._has_token = asyncio.Event()
        self._memory: deque[int] = deque()
        self._clocks = {control.PLAYBACK_GROUP: PlayClock(UtcUs(0), 0)}  # by group
        self._unsent = bytearray()
        self._loop = asyncio.get_running_loop()
        self._turns = DecodeTurns(self._decode)
        self._budget = DecodeBudget()
        self._selected: frozenset[int] = frozenset()
        self._thumbnails = 0

    async def run(self) -> None:
        """Work until the GUI closes the socket."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._follow(), name="alive")
                tasks.create_task(self._turns.run(), name="live pictures")
                self._say(control.Ready())
                await self._obey()
        except* GuiGone:
            pass
        finally:
            for opened in self._open.values():
                _close(opened)
            self._decode.shutdown(wait=True, cancel_futures=True)
            self._show.shutdown(wait=True, cancel_futures=True)

    async def _obey(self) -> None:
        """Read the GUI's messages with the memory that comes along."""
        loop, lines, readable = asyncio.get_running_loop(), control.Lines(), asyncio.Event()
        loop.add_reader(self._socket, readable.set)
        try:
            while True:
                await readable.wait()
                readable.clear()
                try:
                    data, descriptors, _, _ = socket.recv_fds(self._socket, 65_536, 16)
                except BlockingIOError:
                    continue
                if not data:
                    raise GuiGone
                self._memory.extend(descriptors)
                for message in lines.feed(data):
                    self._do(message)
        except ConnectionError:
            raise GuiGone from None
        finally:
            loop.remove_reader(self._socket)

    async def _follow(self) -> None:
        judged_s, worked_s = time.monotonic(), time.process_time()
        while True:
            await asyncio.sleep(_ALIVE_EVERY_S)
            now_s, cpu_s = time.monotonic(), time.process_time()
            self._judge(now_s - judged_s, cpu_s - worked_s)
            judged_s, worked_s = now_s, cpu_s
            await asyncio.get_running_loop().run_in_executor(self._decode, int)  # a decoder that hangs hangs this
            self._say(control.Alive())
            for group, clock in self._clocks.items():
                if not clock.paused:
                    for link, _ in self._links.values():
                        link.play(clock, "follow", group)

    def _judge(self, seconds: float, cpu_s: float) -> None:
        """Hold the process within its core."""
        tiles = {tile.tile: tile for tile in self._live()}
        for tile in tiles.values():
            tile.look()
        self._turns.streams = len(tiles)
        costs = [tile.cost(seconds) for tile in tiles.values()]
        busy = max(self._turns.busy_s, cpu_s) / seconds
        for number, level in self._budget.judge(time.monotonic(), busy, self._turns.worst_late_s, costs).items():
            log.info("tile decoded differently", extra={"tile": number, "level": level.name, "busy": round(busy, 2)})
            tiles[number].set_level(level)
        self._turns.judged()

    def _live(self) -> list[LiveTile]:
        return [opened.track for opened in self._open.values() if isinstance(opened.track, LiveTile)]

    def _say(self, message: control.FromWorker) -> None:
        self._unsent += control.encode(message)
        if len(self._unsent) > _MOST_UNSENT_BYTES:
            raise GuiGone  # it has not read for minutes: it hangs
        self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
            asyncio.get_running_loop().remove_writer(self._socket)
        except BlockingIOError:
            asyncio.get_running_loop().add_writer(self._socket, self._flush)
        except ConnectionError:
            self._unsent.clear()  # `_obey` notices

    def _do(self, message: object) -> None:
        match message:
            case control.Recorders():
                self._recorders(message)
            case control.Token():
                self._token = message.token
                self._has_token.set()
            case control.OpenTile():
                self._open_tile(message)
            case control.ResizeTile():
                self._resize(message)
            case control.ZoomTile():
                self._zoom(message)
            case control.SelectTiles():
                self._selected = frozenset(message.tiles)
                for tile in self._live():
                    tile.selected = tile.tile in self._selected
            case control.CloseTile():
                self._stop(message.tile)
            case control.Play():
                self._play(message)
            case control.EndGroup():
                self._clocks.pop(message.group, None)
            case control.Listen():
                self._listen(message)
            case control.StopListening():
                self._stop(SoundTrack.sub)
            case control.AskSpans():
                link = self._link(message.recorder)
                if link is None:
                    self._say(control.Spans(message.id, [], "the recording server is not known"))
                else:
                    link.ask(message)
            case control.AskShares():
                link = self._link(message.recorder)
                if link is None:
                    self._say(control.Shares(message.id, {}, "the recording server is not known"))
                else:
                    link.ask(message)

            case control.AskThumbnail():
                self._thumbnail(message)

    def _thumbnail(self, message: control.AskThumbnail) -> None:
        link = self._link(message.recorder)
        if link is None or self._tasks is None or self._thumbnails >= _MOST_THUMBNAILS:
            self._say(control.Thumbnail(message.id, error="the decoder process makes no more of them now"))
            return
        self._thumbnails += 1

        def done(_: object) -> None:
            self._thumbnails -= 1

        track = ThumbnailTrack(message, self._show)
        task = self._tasks.create_task(track.run(link, self._say), name=f"thumbnail {message.id}")
        task.add_done_callback(done)

    def _recorders(self, message: control.Recorders) -> None:
        self._uris = message.uris
        if message.ca_pem != self._ca_pem:
            self._ca_pem = message.ca_pem
            self._tls = pinned_context(message.ca_pem) if message.ca_pem else None
        for recorder, (link, task) in list(self._links.items()):
            if link.uri != message.uris.get(recorder):
                task.cancel()
                del self._links[recorder]
                for opened in self._open.values():
                    if opened.link is link:
                        moved = self._link(recorder)
                        if moved is not None:
                            opened.link = moved
                            _join(opened)

    def _link(self, recorder: str) -> RecorderLink | None:
        known = self._links.get(recorder)
        if known is not None:
            return known[0]
        uri = self._uris.get(recorder)
        if not uri or self._tasks is None:
            return None
        tls = self._tls if uri.startswith("wss:") else None
        link = RecorderLink(recorder, uri, tls, self._fresh_token, self._say)
        self._links[recorder] = (link, self._tasks.create_task(link.run(), name=f"recorder {recorder}"))
        return link

    async def _fresh_token(self) -> str:
        await self._has_token.wait()
        return self._token

    def _open_tile(self, message: control.OpenTile) -> None:
        descriptor = self._memory.popleft()
        try:
            output = TileOutput(descriptor, message.width_px, message.height_px)
        finally:
            os.close(descriptor)
        link = self._link(message.recorder)
        if link is None or len(self._open) >= _MOST_TILES:
            output.close()
            self._say(control.TileState(message.tile, "refused", code="no_recorder"))
            return
        self._stop(message.tile)
        device = DeviceId(message.device)
        track: LiveTile | RecordedTrack
        if message.at_us is None:
            track = LiveTile(
                message.tile,
                device,
                message.track,
                output=output,
                turns=self._turns,
                report=self._say_soon,
                later=self._later,
            )
            track.selected = message.tile in self._selected
        else:
            clock = self._clocks.setdefault(message.group, PlayClock(UtcUs(message.at_us), 0))
            track = RecordedTrack(
                message.tile,
                message.tile * SUBS_A_TILE,
                device,
                TrackName(message.track or PRIMARY),
                output=output,
                decode=self._decode,
                show=self._show,
                report=self._say_soon,
                clock=clock,
                group=message.group,
            )
        opened = _Open(track, link, output=output)
        if isinstance(track, RecordedTrack):
            opened.task = self._task(track)
        self._open[message.tile] = opened
        _join(opened)

    def _task(self, track: RecordedTrack | SoundTrack) -> asyncio.Task[None]:
        assert self._tasks is not None
        return self._tasks.create_task(track.run(), name=f"track {track.sub}")

    def _later(self, act: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(act)

    def _zoom(self, message: control.ZoomTile) -> None:
        opened = self._open.get(message.tile)
        if opened is not None and opened.output is not None and not isinstance(opened.track, SoundTrack):
            opened.output.zoom(Part(message.left, message.top, message.size, message.size))
            opened.track.resized()

    def _say_soon(self, message: control.FromWorker) -> None:
        """Say from a decoder thread as well as from the loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._say, message)

    def _resize(self, message: control.ResizeTile) -> None:
        descriptor = self._memory.popleft() if message.memory else None
        try:
            opened = self._open.get(message.tile)
            if opened is not None and opened.output is not None and not isinstance(opened.track, SoundTrack):
                opened.output.resize(message.width_px, message.height_px, descriptor)
                opened.track.resized()
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _play(self, message: control.Play) -> None:
        clock = PlayClock(UtcUs(message.at_us), message.anchor_us, message.speed, message.paused, message.generation)
        self._clocks[message.group] = clock
        master = message.group == control.PLAYBACK_GROUP
        for opened in self._open.values():
            track = opened.track
            if (isinstance(track, RecordedTrack) and track.group == message.group) or (
                master and isinstance(track, SoundTrack)
            ):
                track.play(clock)
        for link, _ in self._links.values():
            link.play(clock, message.cause, message.group)

    def _listen(self, message: control.Listen) -> None:
        descriptor = self._memory.popleft()
        try:
            ring = RingWriter(descriptor)
        finally:
            os.close(descriptor)
        self._stop(SoundTrack.sub)
        link = self._link(message.recorder)
        if link is None:
            ring.close()
            self._say(control.Sound("refused", "the recording server is not known"))
            return
        clock = None if message.at_us is None else self._clocks[control.PLAYBACK_GROUP]
        track = SoundTrack(DeviceId(message.device), ring, self._decode, self._say_sound, clock)
        self._open[SoundTrack.sub] = opened = _Open(track, link, self._task(track), ring=ring)
        _join(opened)

    def _say_sound(self, message: control.Sound) -> None:
        self._say_soon(message)

    def _stop(self, sub: int) -> None:
        opened = self._open.pop(sub, None)
        if opened is None:
            return
        if isinstance(opened.track, LiveTile):
            opened.track.leave()
        else:
            opened.link.remove(opened.track)
        if opened.output is not None:
            opened.output.close()
        if opened.task is not None:
            opened.task.cancel()
            if opened.ring is not None:
                ring = opened.ring
                opened.task.add_done_callback(lambda _: ring.close())


def _join(opened: _Open) -> None:
    if isinstance(opened.track, LiveTile):
        opened.track.join(opened.link)
    else:
        opened.link.add(opened.track)


def _close(opened: _Open) -> None:
    if opened.output is not None:
        opened.output.close()
    if opened.ring is not None:
        opened.ring.close()


async def _work(control_socket: socket.socket) -> None:
    await Worker(control_socket).run()


def main() -> None:
    """Run until the GUI's socket closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True)
    arguments = parser.parse_args()
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal goes to the GUI, which closes us
    logging.basicConfig(level=os.environ.get("VEDETTE_LOG", "WARNING"))
    control_socket = socket.socket(fileno=arguments.control_fd)
    control_socket.setblocking(False)
    with control_socket:
        run(_work(control_socket))


if __name__ == "__main__":
    main()
