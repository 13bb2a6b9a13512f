"""The Playback tab: grid, timeline, controls, and the master clock that joins them."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from common.clients.bookmarks import Bookmark
from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.ui.theme import set_role
from common.ui.words import sentence, words
from smartclient.bookmarks.room import BookmarkRoom
from smartclient.exporting.room import ExportRoom
from smartclient.live.grid import TileGrid
from smartclient.playback.go_to import NoSuchTime, parse_go_to
from smartclient.playback.locks import LockStore
from smartclient.playback.master import MasterClock
from smartclient.playback.scrub_preview import ScrubPreview
from smartclient.playback.selection import Selection
from smartclient.playback.spans import SpanStore, next_start, previous_start, span_at
from smartclient.playback.thumbnails import Thumbnails
from smartclient.playback.timeline import Timeline
from smartclient.playback.timeline_content import Content, Flag
from smartclient.playback.transport import Transport
from smartclient.playback.vocabulary import vocabulary
from smartclient.search.explorer import SequenceExplorer
from smartclient.site.snapshot import Site, SiteCamera
from smartclient.video.clock import SPEEDS
from smartclient.video.engine import VideoEngine
from smartclient.video.slots import PictureFlags

_TICK_MS = 40
_LOOK_BACK_US = 10 * US_PER_S
_FIRST_RANGE_US = 3600 * US_PER_S
_SEQUENCE_TOLERANCE_US = US_PER_S
_EXPORT_US = 60 * US_PER_S


class PlaybackPage(QWidget):
    """What was recorded of the cameras in view."""

    live_asked = Signal()
    playhead_changed = Signal(object)
    said = Signal(str)
    """A sentence for the operator."""

    def __init__(self, engine: VideoEngine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("playback_page")
        set_role(self, "base")
        self._engine = engine
        self._site = Site()
        self._wall_clock = SystemClock()
        self._shown_generation = -1
        self._lost = False
        self._exports: ExportRoom | None = None
        self._bookmarks: BookmarkRoom | None = None
        self._locks: LockStore | None = None
        self.grid = TileGrid(engine, recorded=True)
        self.timeline = Timeline()
        self.transport = Transport()
        self.master = MasterClock(engine.play, parent=self)
        self.spans = SpanStore(engine, self)
        self.thumbnails = Thumbnails(engine, self)
        self.preview = ScrubPreview(self.thumbnails, self)
        self.selection = Selection(self.master, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.explorer = SequenceExplorer(self.thumbnails)
        self.explorer.went.connect(self._explored)
        self.explorer.closed.connect(self.close_explorer)
        self.above = QStackedWidget()
        self.above.addWidget(self.grid)
        self.above.addWidget(self.explorer)
        layout.addWidget(self.above, 1)
        layout.addWidget(self.timeline)
        layout.addWidget(self.transport)
        self.transport.add_tool("explore", "layout", "explorer.explore").clicked.connect(self.explore)
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._ticked)

        self.master.changed.connect(self._clock_changed)
        self.spans.changed.connect(self._spans_changed)
        self.timeline.went.connect(self.master.seek)
        self.timeline.scrubbed.connect(self.master.scrub)
        self.timeline.range_changed.connect(self._want_spans)
        self.grid.selected.connect(lambda _camera: self._cameras_changed())
        self.grid.changed.connect(self._cameras_changed)
        self.grid.go_asked.connect(self.master.seek)
        bar = self.transport
        bar.toggled.connect(self.play_or_pause)
        bar.backward.connect(lambda: self.shuttle(-1))
        bar.speed_chosen.connect(self.master.set_speed)
        bar.stepped.connect(self.step)
        bar.sequence.connect(self.go_to_sequence)
        bar.first.connect(self.go_to_first)
        bar.live.connect(self.live_asked)
        bar.typed_time.connect(self.go_to_typed)
        bar.marked_in.connect(self.selection.mark_in)
        bar.marked_out.connect(self.selection.mark_out)
        bar.cleared.connect(self.selection.clear)
        bar.loop.toggled.connect(self.selection.set_looping)
        self.selection.changed.connect(self._selection_changed)
        self.timeline.selection_changed.connect(self.selection.select)
        self.timeline.scrubbed.connect(self._show_preview)
        self.timeline.scrub_ended.connect(self.preview.hide)
        self.transport.show_clock(self.master)

    def now_us(self) -> UtcUs:
        """The recording server's time of the selected camera, this computer's before it said any."""
        camera = self._site.camera(self.grid.selected_camera)
        said = None if camera is None else self._engine.recorder_now_us(camera.recorder)
        return said if said is not None else self._wall_clock.now_us()

    def show_site(self, site: Site) -> None:
        """Cameras may have changed."""
        self._site = site
        self.grid.show_site(site)
        if self._exports is not None:
            self._exports.show_site(site)
        if self._bookmarks is not None:
            self._bookmarks.show_site(site)
        self._cameras_changed()

    # what the operator does

    def enter(self) -> None:
        """The tab is opened: begin a little before now, unless it was somewhere already."""
        if self.master.clock.at_us == 0:
            at = UtcUs(self.now_us() - _LOOK_BACK_US)
            self.timeline.show_range(UtcUs(at - _FIRST_RANGE_US * 4 // 10), _FIRST_RANGE_US)
            self.master.seek(at)
        self.spans.watch(True)
        self._tick.start()
        self._cameras_changed()

    def leave(self) -> None:
        """Another tab is opened: nothing runs on unseen."""
        self.master.pause()
        self.preview.hide()
        self.spans.watch(False)
        if self._bookmarks is not None:
            self._bookmarks.store.rest()
        if self._locks is not None:
            self._locks.rest()
        self._tick.stop()

    def play_or_pause(self) -> None:
        """Space: pause when it plays, else play forward."""
        if not self.master.playing and self.master.speed < 0:
            self.master.set_speed(1.0)
        elif self.master.playing and self.master.speed < 0 and self.sender() is self.transport:
            self.master.set_speed(1.0)
            return
        self.master.toggle()

    def shuttle(self, direction: int) -> None:
        """J and L: play that way; pressed again, twice as fast."""
        if self.master.playing and (self.master.speed > 0) == (direction > 0):
            faster = [speed for speed in SPEEDS if speed * direction > abs(self.master.speed)]
            if faster:
                self.master.set_speed(min(faster, key=abs))
            return
        self.master.set_speed(float(direction))
        self.master.play()

    def step(self, count: int) -> None:
        """Show the next or previous picture of the selected camera."""
        feed = self.grid.selected_tile.feed
        info = None if feed is None else feed.info
        current = info is not None and info.generation == self.master.clock.generation
        self.master.step(count, info.utc_us if info is not None and current else None)

    def jump(self, by_us: int) -> None:
        """Go that far forward or back."""
        self.master.seek(max(0, self.master.playhead_us + by_us))

    def go_to_sequence(self, direction: int) -> None:
        """Go to the next or previous recording of the selected camera, of any when none is selected."""
        spans = self.spans.of(self.grid.selected_camera) or self.spans.of_all()
        at = self.master.playhead_us
        goal = next_start(spans, at) if direction > 0 else previous_start(spans, at - _SEQUENCE_TOLERANCE_US)
        if goal is not None:
            self.master.seek(goal)

    def go_to_first(self) -> None:
        """Home: the oldest recording that the recorder has of the selected camera."""
        self.master.pause()
        if self.master.speed < 0:
            self.master.set_speed(1.0)  # backward from before everything there is nothing
        self.master.seek(1)  # in the gap before everything; the picture that comes is the first
        self._shown_generation = -1

    def go_to_typed(self, typed: str) -> None:
        """Go to what was typed, or say why not."""
        try:
            at = parse_go_to(typed, self.now_us(), self.master.playhead_us, language=vocabulary())
        except NoSuchTime as error:
            self.transport.say_wrong_time(sentence(error))
            return
        self.transport.error.clear()
        self.master.seek(at)
        self.grid.setFocus()

    def acts(self) -> dict[str, Callable[[], object]]:
        """What the keys of this tab do, beside those that the window knows itself."""
        return {
            "mark_in": self.selection.mark_in,
            "mark_out": self.selection.mark_out,
            "clear_selection": self.selection.clear,
            "loop": self.transport.loop.click,
            "export": self.export,
            "exports": self.show_exports,
            "bookmark": self.bookmark,
            "bookmark_detailed": self.bookmark_detailed,
            "bookmarks": self.show_bookmarks,
            "explore": self.explore,
        }

    def explore(self) -> None:
        """X: look through small pictures of the cameras in view, over the selected time or what the timeline shows."""
        if self.above.currentWidget() is self.explorer:
            self.close_explorer()
            return
        self.master.pause()
        scale = self.timeline.scale
        found = (self._site.camera(device) for device in self.grid.shown_cameras())
        cameras = tuple(camera for camera in found if camera is not None)
        span = self.selection.span or (scale.start_us, min(scale.end_us, max(scale.start_us, self.now_us())))
        self.above.setCurrentWidget(self.explorer)
        self.explorer.explore(cameras, span)

    def close_explorer(self) -> None:
        """Back to the pictures."""
        self.above.setCurrentWidget(self.grid)
        self.grid.setFocus()

    def _explored(self, device: str, at: int) -> None:
        if device in self.grid.cameras:
            self.grid.select(self.grid.cameras.index(device))
        self.close_explorer()
        self.master.seek(at)

    def sign_in(self, exports: ExportRoom, bookmarks: BookmarkRoom) -> None:
        """Use what belongs to the signed-in user."""
        self._exports, self._bookmarks = exports, bookmarks
        self._locks = LockStore(exports.recorders, self)
        self._locks.changed.connect(self._spans_changed)
        bookmarks.store.changed.connect(self._spans_changed)
        bookmarks.go_asked.connect(self.go_to_bookmark)
        self.transport.add_tool("bookmark", "bookmark", "bookmarks.bookmark").clicked.connect(self.bookmark)
        self.transport.add_tool("bookmarks", "find", "bookmarks.bookmarks").clicked.connect(self.show_bookmarks)
        self.transport.add_tool("export", "export", "exporting.export").clicked.connect(self.export)
        self.transport.add_tool("exports", "menu", "exporting.exports").clicked.connect(self.show_exports)

    def export(self) -> None:
        """E: ask what to export, beginning with the cameras in view and the selected time, or the last minute."""
        if self._exports is not None:
            at = self.master.playhead_us
            span = self.selection.span or (max(0, at - _EXPORT_US), at)
            selected = self.grid.selected_camera
            chosen = [selected] if selected else self.grid.shown_cameras()
            self._exports.open_dialog(list(chosen), span, self.now_us())

    def bookmark(self) -> None:
        """B: bookmark the moment of the selected camera."""
        camera = self._camera_to_bookmark()
        if self._bookmarks is not None and camera is not None:
            self._bookmarks.quick(camera, self.master.playhead_us)

    def bookmark_detailed(self) -> None:
        """Shift+B: the same, or the selected time, with a text."""
        camera = self._camera_to_bookmark()
        if self._bookmarks is not None and camera is not None:
            self._bookmarks.detailed(camera, self.master.playhead_us, self.selection.span, self.now_us())

    def _camera_to_bookmark(self) -> SiteCamera | None:
        camera = self._site.camera(self.grid.selected_camera)
        if camera is None:
            self.said.emit(words("bookmarks.choose_camera"))
        return camera

    def show_bookmarks(self) -> None:
        """The list of bookmarks."""
        if self._bookmarks is not None:
            self._bookmarks.open_panel(self.now_us())

    def go_to_bookmark(self, mark: Bookmark) -> None:
        """Select its camera, take it into the view when it is not there, and go to its start."""
        cameras = list(self.grid.cameras)
        if mark.device in cameras:
            self.grid.select(cameras.index(mark.device))
        elif self._site.camera(mark.device) is not None:
            self.grid.add(mark.device)
        self.selection.select((mark.begin_us, mark.end_us))
        self.timeline.set_scale(self.timeline.scale.centred(mark.triggered_us))
        self.master.seek(mark.begin_us)

    def show_exports(self) -> None:
        """Ctrl+E: the list of exports."""
        if self._exports is not None:
            self._exports.open_panel()

    def _selection_changed(self) -> None:
        self.timeline.select(self.selection.span)
        self.transport.show_selection(self.selection.span)

    def _show_preview(self, at: int) -> None:
        """A small picture above the pointer, while it scrubs, of the selected camera."""
        camera = self._site.camera(self.grid.selected_camera)
        if camera is not None:
            x = self.timeline.x() + round(self.timeline.scale.x_px(at))
            self.preview.show_at(camera, at, self.timeline.scale, (x, self.timeline.y()))

    # keeping in step

    def _clock_changed(self) -> None:
        self.transport.show_clock(self.master)
        self._ticked()

    def _ticked(self) -> None:
        master = self.master
        self._follow_pictures()
        self._wait_for_recorders()
        at = master.playhead_us
        now = self.now_us()
        if master.playing and master.speed > 0 and at > now:
            master.seek(now)
        elif self.selection.loop(at):
            pass
        elif master.playing and self.transport.skip_gaps.isChecked():
            self._skip_gap(at)
        self.timeline.show_time(at, now, follow=True)
        self.grid.show_playhead(at)
        self.playhead_changed.emit(at)

    def _follow_pictures(self) -> None:
        """The first picture of a new place: the clock may run, and after a step or "first" it stands at the picture
        of the selected camera."""
        master = self.master
        generation = master.clock.generation
        if self._shown_generation == generation:
            return
        feeds = [tile.feed for tile in self.grid.tiles if tile.feed is not None]
        arrived = [feed.info for feed in feeds if feed.info is not None and feed.info.generation == generation]
        if not arrived:
            return
        master.release()
        selected = self.grid.selected_tile.feed
        info = arrived[0] if selected is None else selected.info
        if info is None or info.generation != generation:
            return  # another camera was quicker: it does not say where the selected one landed
        self._shown_generation = generation
        if info.flags & PictureFlags.TARGET and (self._stepped() or master.clock.at_us <= 1):
            master.landed(info.utc_us)

    def _wait_for_recorders(self) -> None:
        """While no recorder of the shown cameras is connected the clock stands, so that nothing passes unseen."""
        feeds = [tile.feed for tile in self.grid.tiles if tile.feed is not None]
        lost = bool(feeds) and not any(feed.state.recorder_connected for feed in feeds)
        if lost and self.master.playing and not self.master.clock.paused:
            clock, at = self.master.clock, self.master.playhead_us
            shown = [feed.info.utc_us for feed in feeds if feed.info and feed.info.generation == clock.generation]
            if clock.speed > 0:  # what is shown of a camera in a gap may be from the other end of it
                self.master.wait_at(max((each for each in shown if clock.at_us <= each <= at), default=clock.at_us))
            else:
                self.master.wait_at(min((each for each in shown if at <= each <= clock.at_us), default=clock.at_us))
        elif self._lost and not lost:
            self.master.expect()
        self._lost = lost

    def _stepped(self) -> bool:
        return self.master.last_cause.startswith("step")

    def _skip_gap(self, at: UtcUs) -> None:
        spans = self.spans.of_all()
        if not spans or span_at(spans, at) is not None:
            return
        if self.master.speed > 0:
            goal = next_start(spans, at)
        else:
            goal = max((end - 1 for _, end in spans if end <= at), default=None)
        if goal is not None:
            self.master.seek(goal)

    def _cameras_changed(self) -> None:
        self._want_spans()
        self._spans_changed()

    def _want_spans(self) -> None:
        shown = (self._site.camera(device) for device in self.grid.shown_cameras())
        cameras = tuple(camera for camera in shown if camera is not None)
        scale = self.timeline.scale
        if self._bookmarks is not None:
            devices = tuple(camera.id for camera in cameras)
            self._bookmarks.store.want(devices, scale.start_us, scale.end_us)
        if self._locks is not None:
            self._locks.want(self._site.camera(self.grid.selected_camera))
        self.spans.want(cameras, scale.start_us, scale.end_us, self.grid.selected_camera)

    def _flags(self) -> tuple[Flag, ...]:
        """The bookmarks of all cameras in view."""
        if self._bookmarks is None:
            return ()
        marks = self._bookmarks.store.of("")
        return tuple(Flag(mark.triggered_us, mark.end_us, mark.header, mark.id) for mark in marks)

    def _lock_flags(self) -> tuple[Flag, ...]:
        if self._locks is None:
            return ()
        return tuple(Flag(lock.start_us, lock.end_us, lock.header, lock.id) for lock in self._locks.locks)

    def _spans_changed(self) -> None:
        camera = self.grid.selected_camera
        known = self.spans.known(camera) if camera else bool(self.spans.of_all())
        note = words("smart.spans_failed", detail=self.spans.error) if self.spans.error else ""
        self.timeline.show_content(
            Content(
                selected=tuple(self.spans.of(camera)),
                all_in_view=tuple(self.spans.of_all()),
                audio=tuple(self.spans.sound_of(camera)),
                gaps=tuple(self.spans.gaps_of(camera)),
                bookmarks=self._flags(),
                locks=self._lock_flags(),
                known=known,
                note=note,
            )
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.preview.hide()

    def showEvent(self, event: QEvent) -> None:
        self.enter()

    def hideEvent(self, event: QEvent) -> None:
        self.leave()
