"""What is recorded, for the part of the timeline that is on screen: asked for off the GUI thread, renewed, bounded."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from smartclient.site.snapshot import SiteCamera
from smartclient.video.control import Shares, Spans
from smartclient.video.engine import VideoEngine

REFRESH_MS = 3000
_ASK_AFTER_MS = 80
_WIDE_US = 2 * 3600 * 1_000_000
"""Of a longer time, only the selected camera is asked for exactly."""
_BUCKETS = 3000  # three times what is on screen is asked for: about a pixel each
_MOST_DEVICES = 64
_SOUND = "sound of "

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Missing:
    """A time without a recording. `reason`: a word of the media channel. `detail`: a sentence, or empty."""

    start: int
    end: int
    reason: str
    detail: str


def missing_at(gaps: list[Missing], at: int) -> Missing | None:
    """Return the gap that covers `at`."""
    place = bisect_right(gaps, at, key=lambda gap: gap.start) - 1
    return gaps[place] if place >= 0 and at < gaps[place].end else None


def merged(spans: list[Span], join_us: int = 0) -> list[Span]:
    """Return sorted spans with overlapping ones, and ones less than `join_us` apart, joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1] + join_us:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


def span_at(spans: list[Span], at: int) -> Span | None:
    """Return the span that covers `at`."""
    place = bisect_right(spans, (at, 1 << 62)) - 1
    return spans[place] if place >= 0 and spans[place][0] <= at < spans[place][1] else None


def next_start(spans: list[Span], at: int) -> int | None:
    """Return where the first span after `at` starts."""
    place = bisect_left(spans, (at + 1, 0))
    return spans[place][0] if place < len(spans) else None


def previous_start(spans: list[Span], at: int) -> int | None:
    """Return where the last span before `at` starts."""
    place = bisect_left(spans, (at, 0)) - 1
    return spans[place][0] if place >= 0 else None


class SpanStore(QObject):
    """Holds the spans of the shown cameras within the asked range."""

    changed = Signal()

    def __init__(self, engine: VideoEngine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._cameras: tuple[SiteCamera, ...] = ()
        self._range: Span = (0, 0)
        self._known: dict[str, list[Span]] = {}
        self._gaps: dict[str, list[Missing]] = {}
        self._asked: dict[int, str] = {}
        self._sharing: set[int] = set()
        self._sound: dict[str, list[Span]] = {}
        self._selected = ""
        self.error = ""
        engine.spans.connect(self._answered)
        engine.shares.connect(self._shared)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_ASK_AFTER_MS)
        self._soon.timeout.connect(self._ask)
        self._again = QTimer(self)
        self._again.setInterval(REFRESH_MS)
        self._again.timeout.connect(self._ask)

    def watch(self, active: bool) -> None:
        """Keep asking only while somebody looks."""
        if active:
            self._again.start()
            self._soon.start()
        else:
            self._again.stop()

    def want(self, cameras: tuple[SiteCamera, ...], start_us: int, end_us: int, selected: str = "") -> None:
        """Ask for this range (and as much on either side) of these cameras, and for the sound of the selected one."""
        if selected != self._selected:
            self._selected = selected
            self._sound.clear()
            self._soon.start()
        margin_us = max(1_000_000, end_us - start_us)
        if cameras == self._cameras and self._range[0] <= start_us and end_us <= self._range[1]:
            wide = self._range[1] - self._range[0]
            if wide <= 8 * max(1, end_us - start_us):
                return
        self._range = (max(0, start_us - margin_us), end_us + margin_us)
        if cameras != self._cameras:
            self._cameras = cameras
            wanted = {camera.id for camera in cameras}
            self._known = {camera: spans for camera, spans in self._known.items() if camera in wanted}
            self._gaps = {camera: gaps for camera, gaps in self._gaps.items() if camera in wanted}
            self.changed.emit()
        self._soon.start()

    def of(self, camera: str) -> list[Span]:
        """The camera's spans, oldest first."""
        return self._known.get(camera, [])

    def sound_of(self, camera: str) -> list[Span]:
        """When the microphone of the selected camera is recorded."""
        return self._sound.get(camera, [])

    def gaps_of(self, camera: str) -> list[Missing]:
        """When the camera is not recorded and why, oldest first."""
        return self._gaps.get(camera, [])

    def of_all(self) -> list[Span]:
        """When at least one camera is recorded."""
        return merged([span for spans in self._known.values() for span in spans])

    def known(self, camera: str) -> bool:
        """Whether an answer for this camera came: else "nothing recorded" would be a guess."""
        return camera in self._known

    def _ask(self) -> None:
        self._asked.clear()  # late answers to older questions are for another range
        self._sharing.clear()
        exact = self._range[1] - self._range[0] <= 3 * _WIDE_US
        shared: dict[str, list[str]] = {}
        for camera in self._cameras:
            if exact or camera.id == self._selected:
                self._asked[self._engine.ask_spans(camera.recorder, camera.id, "primary", self._range)] = camera.id
            else:
                shared.setdefault(camera.recorder, []).append(camera.id)
            if camera.id == self._selected and camera.microphone:
                number = self._engine.ask_spans(camera.recorder, camera.microphone, "primary", self._range)
                self._asked[number] = _SOUND + camera.id
        for recorder, devices in shared.items():
            for first in range(0, len(devices), _MOST_DEVICES):
                some = devices[first : first + _MOST_DEVICES]
                self._sharing.add(self._engine.ask_shares(recorder, some, self._range, _BUCKETS))

    def _answered(self, answer: Spans) -> None:
        device = self._asked.pop(answer.id, None)
        if device is None:
            return
        spans = [(span[0], span[1]) for span in answer.spans]
        camera = device.removeprefix(_SOUND)
        if device != camera:  # a microphone that may not be heard is no fault of the timeline
            if not answer.error and self._sound.get(camera) != spans:
                self._sound[camera] = spans
                self.changed.emit()
            return
        recovered, self.error = bool(self.error), answer.error
        if answer.error:
            self.changed.emit()
            return
        gaps = [Missing(*gap) for gap in answer.gaps]
        if recovered or self._known.get(camera) != spans or self._gaps.get(camera) != gaps:
            self._known[camera], self._gaps[camera] = spans, gaps
            self.changed.emit()

    def _shared(self, answer: Shares) -> None:
        if answer.id not in self._sharing:
            return
        self._sharing.discard(answer.id)
        self.error = answer.error
        for camera, spans in answer.spans.items():
            self._known[camera] = [(span[0], span[1]) for span in spans]
            self._gaps.pop(camera, None)
        self.changed.emit()
