"""What the quick switcher finds: cameras, views, actions, and the time that was typed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from PySide6.QtGui import QKeySequence

from common.clients.views import SiteView, ViewTree
from common.foundation.clock import US_PER_S, UtcUs
from common.ui.dates import written
from common.ui.words import words
from smartclient.app.keys import KEYS
from smartclient.playback.go_to import NoSuchTime, parse_go_to
from smartclient.playback.vocabulary import vocabulary
from smartclient.site.snapshot import Site, SiteCamera
from smartclient.switcher.matching import Named, all_named, best

MOST_SHOWN = 40
_MOST_OF_A_KIND = 20
_AHEAD_OF_ACTIONS = 3  # of equal fit: what is looked for most


@dataclass(frozen=True, slots=True)
class Found:
    """A line of the list: what it is, where it stands or which key does it, and what choosing it does."""

    glyph: str
    title: str
    detail: str
    go: Callable[[], object]


class Sources:
    """Everything that has a name now. `show_camera`, `open_view` and `go_to` do what was chosen."""

    def __init__(
        self,
        *,
        show_camera: Callable[[str], object],
        open_view: Callable[[str], object],
        go_to: Callable[[UtcUs], object],
        now_us: Callable[[], UtcUs],
        playhead_us: Callable[[], UtcUs],
        acts: Mapping[str, Callable[[], object]],
    ) -> None:
        self._show_camera = show_camera
        self._open_view = open_view
        self._go_to = go_to
        self._now_us = now_us
        self._playhead_us = playhead_us
        self._cameras: list[Named[Found]] = []
        self._views: list[Named[Found]] = []
        self._actions = all_named(list(_actions(acts)))

    def show_site(self, site: Site) -> None:
        """These are the cameras."""
        recorders = {recorder.id: recorder.name for recorder in site.recorders}
        self._cameras = all_named([(camera.name, self._camera(camera, recorders)) for camera in site.cameras])

    def _camera(self, camera: SiteCamera, recorders: Mapping[str, str]) -> Found:
        return Found("camera", camera.name, recorders.get(camera.recorder, ""), partial(self._show_camera, camera.id))

    def show_views(self, tree: ViewTree) -> None:
        """These are the views."""
        groups = {group.id: group.name for group in tree.groups}
        self._views = all_named([(view.name, self._view(view, groups)) for view in tree.views])

    def _view(self, view: SiteView, groups: Mapping[str, str]) -> Found:
        return Found("view", view.name, groups.get(view.group, ""), partial(self._open_view, view.id))

    def find(self, typed: str) -> list[Found]:
        """Return what fits, the best first."""
        typed = typed.strip()
        time = self._time(typed)
        kinds = (self._views, _AHEAD_OF_ACTIONS), (self._cameras, _AHEAD_OF_ACTIONS), (self._actions, 0)
        found = [
            (value + ahead, named.thing)
            for things, ahead in kinds
            for value, named in best(things, typed, _MOST_OF_A_KIND)
        ]
        found.sort(key=lambda pair: -pair[0])
        return [*([time] if time is not None else []), *(thing for _, thing in found)][:MOST_SHOWN]

    def _time(self, typed: str) -> Found | None:
        """The time that was typed, when it is one: digits, a sign, or a day's name are needed, not a bare letter."""
        if len(typed) < 2:
            return None
        try:
            at = parse_go_to(typed, self._now_us(), self._playhead_us(), language=vocabulary())
        except NoSuchTime:
            return None
        moment = datetime.fromtimestamp(at / US_PER_S).astimezone()
        title = words("switcher.go_to", time=moment.strftime("%H:%M:%S"))
        return Found("time", title, written(moment, "%a %d %b %Y"), lambda: self._go_to(at))


def _actions(acts: Mapping[str, Callable[[], object]]) -> Iterator[tuple[str, Found]]:
    native = QKeySequence.SequenceFormat.NativeText
    for binding in KEYS:
        act = acts.get(binding.action)
        if act is None or binding.family:
            continue
        title = words(f"smart.key.{binding.action}")
        keys = "  ".join(QKeySequence(key).toString(native) for key in binding.keys)
        yield title, Found("keys", title, keys, act)
