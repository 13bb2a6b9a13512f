"""The GUI's end of the picture engine: decoder processes, one a core, and the tiles they work for."""

import itertools
import logging
import os
import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from common.foundation.clock import UtcUs
from smartclient.video import control
from smartclient.video.clock import PlayClock
from smartclient.video.feed import FeedSource, TileFeed
from smartclient.video.pace import Pace
from smartclient.video.slots import monotonic_us
from smartclient.video.suspects import Suspects
from smartclient.video.worker_process import WorkerProcess

log = logging.getLogger(__name__)

_FIRST_TILE = 16  # below are the playback group and sound
_FIRST_GROUP = 1 << 20  # above all subscriptions: one without a group is a group of its own number


class VideoEngine(QObject):
    """Owns the decoder processes. Everything is called in the GUI thread and returns at once."""

    spans = Signal(object)
    """control.Spans: the answer to `ask_spans`."""
    shares = Signal(object)
    """control.Shares: the answer to `ask_shares`."""
    thumbnail = Signal(object)
    """control.Thumbnail: the answer to `ask_thumbnail`."""
    sound = Signal(object)
    """control.Sound"""
    recorder = Signal(object)
    """control.RecorderState"""
    token_wanted = Signal()
    """A recorder did not believe the access token."""

    def __init__(self, processes: int | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._count = processes or max(1, min(8, os.cpu_count() or 1))
        self._recorders = control.Recorders({}, "")
        self._token = control.Token("")
        self._feeds: dict[int, TileFeed] = {}
        self._worker_of: dict[int, WorkerProcess] = {}
        self._numbers = itertools.count(_FIRST_TILE)
        self._questions = itertools.count(1)
        self._asked: dict[int, WorkerProcess] = {}
        self._ahead_us: dict[str, int] = {}
        self._lost: dict[str, control.RecorderState] = {}
        self._clocks = {control.PLAYBACK_GROUP: PlayClock(UtcUs(0), 0)}
        self._groups = itertools.count(_FIRST_GROUP)
        self._suspects = Suspects()
        self._selected = control.SelectTiles([])
        self._looked_at: dict[int, int] = {}
        self._listening: tuple[control.Listen, int] | None = None
        self._workers: list[WorkerProcess] = []
        self._ready: set[WorkerProcess] = set()
        for _ in range(self._count):
            worker = WorkerProcess(self)
            worker.started.connect(lambda worker=worker: self._started(worker))
            worker.died.connect(lambda worker=worker: self._died(worker))
            worker.said.connect(lambda message, worker=worker: self._said(worker, message))
            self._workers.append(worker)
            worker.start()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._pace = Pace()
        self._timer.setInterval(self._pace.interval_ms)
        self._timer.timeout.connect(self._poll)

    # what the site says

    def set_recorders(self, uris: dict[str, str], ca_pem: str) -> None:
        """Tell where the recording servers are, by id."""
        recorders = control.Recorders({recorder: uri for recorder, uri in uris.items() if uri}, ca_pem)
        if recorders != self._recorders:
            self._recorders = recorders
            self._to_all(recorders)

    def set_token(self, token: str) -> None:
        """Sign in with this from now on."""
        if token != self._token.token:
            self._token = control.Token(token)
            self._to_all(self._token)

    # tiles

    def open(self, source: FeedSource, width_px: int, height_px: int) -> TileFeed:
        """Show a device in a box of that many device pixels."""
        worker = min(self._workers, key=lambda w: sum(1 for of in self._worker_of.values() if of is w))
        feed = TileFeed(
            next(self._numbers),
            source,
            (width_px, height_px),
            send=self._sender(worker),
            closed=self._closed,
        )
        self._feeds[feed.tile] = feed
        self._worker_of[feed.tile] = worker
        if worker in self._ready:
            self._open_in(worker, feed)
        lost = self._lost.get(source.recorder)
        if lost is not None:
            feed.recorder_said(False, lost.reason, lost.retry_us)
        self._timer.start()
        return feed

    def _open_in(self, worker: WorkerProcess, feed: TileFeed) -> None:
        """Let a process decode a tile, unless its stream has killed the last ones: then later."""
        rest_s = self._suspects.rests_s(feed.source, time.monotonic())
        if rest_s == 0.0:
            feed.open_in_worker(self._at(feed.source))
            return
        deaths = self._suspects.deaths(feed.source)
        feed.worker_said(control.TileState(feed.tile, "poisonous", reason=str(deaths), code=str(round(rest_s))))
        QTimer.singleShot(round(rest_s * 1000) + 50, feed, lambda: self._rested(worker, feed))

    def _rested(self, worker: WorkerProcess, feed: TileFeed) -> None:
        if self._worker_of.get(feed.tile) is worker and worker in self._ready:
            feed.worker_said(control.TileState(feed.tile, "connecting"))
            self._open_in(worker, feed)

    def select(self, viewer: object, feed: TileFeed | None) -> None:
        """This is the tile that is looked at in one viewer (a grid of tiles; each window has its own): such tiles are
        the last that are decoded less when the computer is overloaded."""
        self._looked_at.pop(id(viewer), None)
        if feed is not None:
            self._looked_at[id(viewer)] = feed.tile
        selected = control.SelectTiles(sorted(self._looked_at.values()))
        if selected != self._selected:
            self._selected = selected
            self._to_all(selected)

    def _sender(self, worker: WorkerProcess) -> Callable[[control.ToWorker, int | None], None]:
        def send(message: control.ToWorker, descriptor: int | None = None) -> None:
            if worker in self._ready:
                worker.send(message, descriptor)

        return send

    def _closed(self, feed: TileFeed) -> None:
        self._feeds.pop(feed.tile, None)
        self._worker_of.pop(feed.tile, None)
        if not self._feeds:
            self._timer.stop()

    def _at(self, source: FeedSource) -> int | None:
        return self._clocks[source.group].playhead_us(monotonic_us()) if source.recorded else None

    def _poll(self) -> None:
        for feed in list(self._feeds.values()):  # what hears of a picture may open and close tiles
            feed.poll()
        if self._pace.ticked(time.monotonic(), time.thread_time(), len(self._feeds)):
            self._timer.setInterval(self._pace.interval_ms)

    # playback

    def play(self, clock: PlayClock, cause: str, group: int = control.PLAYBACK_GROUP) -> None:
        """Let the recorded tiles of a group follow `clock`; `cause` as in control.Play."""
        before = self._clocks.get(group)
        if before is not None and clock.generation != before.generation:
            for feed in list(self._feeds.values()):
                if feed.source.recorded and feed.source.group == group:
                    feed.new_generation()
        self._clocks[group] = clock
        self._to_all(self._play_message(cause, group))

    def _play_message(self, cause: str, group: int) -> control.Play:
        clock = self._clocks[group]
        return control.Play(clock.generation, clock.anchor_us, clock.at_us, clock.speed, clock.paused, cause, group)

    def new_group(self) -> int:
        """A group for tiles that play by a clock of their own: `play` it before a tile of it is opened."""
        return next(self._groups)

    def end_group(self, group: int) -> None:
        """Its tiles are closed."""
        if self._clocks.pop(group, None) is not None:
            self._to_all(control.EndGroup(group))

    def ask_spans(self, recorder: str, device: str, track: str, span: tuple[int, int]) -> int:
        """Ask what is recorded; `spans` answers with the number that this returns."""
        number = next(self._questions)
        return self._ask(control.AskSpans(number, recorder, device, track, span[0], span[1]))

    def ask_shares(self, recorder: str, devices: Sequence[str], span: tuple[int, int], buckets: int) -> int:
        """Ask when devices of a recorder are recorded; `shares` answers with the number that this returns."""
        number = next(self._questions)
        return self._ask(control.AskShares(number, recorder, list(devices), span[0], span[1], buckets))

    def ask_thumbnail(self, recorder: str, device: str, span: tuple[int, int], width_px: int) -> int:
        """Ask for the keyframe at the span's start, or the first one within it; `thumbnail` answers."""
        number = next(self._questions)
        return self._ask(control.AskThumbnail(number, recorder, device, span[0], span[1], width_px))

    def _ask(self, question: control.AskSpans | control.AskShares | control.AskThumbnail) -> int:
        worker = next((w for w in self._workers if w in self._ready), None)
        if worker is not None:
            worker.send(question)
            self._asked[question.id] = worker
        return question.id

    # sound

    def listen(self, recorder: str, device: str, recorded: bool, ring: int) -> None:
        """Put a microphone's sound into `ring`, whose descriptor stays the caller's."""
        message = control.Listen(recorder, device, self._at(FeedSource(recorder, device, recorded=recorded)))
        self._listening = (message, ring)
        if self._workers[0] in self._ready:
            self._workers[0].send(message, ring)

    def stop_listening(self) -> None:
        """No sound."""
        if self._listening is not None:
            self._listening = None
            if self._workers[0] in self._ready:
                self._workers[0].send(control.StopListening())

    # time

    def recorder_now_us(self, recorder: str) -> UtcUs | None:
        """A recorder's wall time now, None before it said any."""
        ahead_us = self._ahead_us.get(recorder)
        return None if ahead_us is None else UtcUs(ahead_us + monotonic_us())

    def pids(self) -> tuple[int, ...]:
        """The decoder processes that run."""
        return tuple(worker.pid for worker in self._workers if worker.pid is not None)

    def close(self) -> None:
        """End all tiles and processes."""
        self._timer.stop()
        for feed in list(self._feeds.values()):
            feed.close()
        self._ready.clear()
        for worker in self._workers:
            worker.close()

    # workers

    def _to_all(self, message: control.ToWorker) -> None:
        for worker in self._workers:
            if worker in self._ready:
                worker.send(message)

    def _started(self, worker: WorkerProcess) -> None:
        self._ready.add(worker)
        worker.send(self._recorders)
        if self._token.token:
            worker.send(self._token)
        for group in self._clocks:
            worker.send(self._play_message("follow", group))
        worker.send(self._selected)
        for number, feed in self._feeds.items():
            if self._worker_of[number] is worker:
                self._open_in(worker, feed)
        if self._listening is not None and worker is self._workers[0]:
            worker.send(*self._listening)

    def _died(self, worker: WorkerProcess) -> None:
        self._ready.discard(worker)
        for number, asked in list(self._asked.items()):
            if asked is worker:
                del self._asked[number]
                self.spans.emit(control.Spans(number, [], "the decoder process was restarted"))
                self.shares.emit(control.Shares(number, {}, "the decoder process was restarted"))
                self.thumbnail.emit(control.Thumbnail(number, error="the decoder process was restarted"))
        torn = [feed for number, feed in self._feeds.items() if self._worker_of[number] is worker]
        for feed in torn:
            if feed.decoder_was_working:
                self._suspects.died_over(feed.source, time.monotonic())
                log.warning("a decoder process died over a stream", extra={"device": feed.source.device})
            feed.worker_said(control.TileState(feed.tile, "restarting"))

    def _said(self, worker: WorkerProcess, message: object) -> None:
        match message:
            case control.TileState():
                feed = self._feeds.get(message.tile)
                if feed is not None and self._worker_of.get(message.tile) is worker:
                    feed.worker_said(message)
            case control.TileQuality():
                feed = self._feeds.get(message.tile)
                if feed is not None and self._worker_of.get(message.tile) is worker:
                    feed.worker_told_quality(message)
            case control.RecorderState():
                self._recorder_said(worker, message)
            case control.Spans():
                self._asked.pop(message.id, None)
                self.spans.emit(message)
            case control.Shares():
                self._asked.pop(message.id, None)
                self.shares.emit(message)
            case control.Thumbnail():
                self._asked.pop(message.id, None)
                self.thumbnail.emit(message)
            case control.Sound():
                self.sound.emit(message)

    def _recorder_said(self, worker: WorkerProcess, message: control.RecorderState) -> None:
        if message.connected:
            self._ahead_us[message.recorder] = message.ahead_us
            self._lost.pop(message.recorder, None)
        else:
            self._lost[message.recorder] = message
            if message.token_refused:
                self.token_wanted.emit()
        for number, feed in list(self._feeds.items()):
            if feed.source.recorder == message.recorder and self._worker_of[number] is worker:
                feed.recorder_said(message.connected, message.reason, message.retry_us)
        self.recorder.emit(message)
