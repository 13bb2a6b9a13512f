"""Small pictures of recordings: asked of a decoder process a few at a time, kept in a bounded cache."""

from base64 import b64decode
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from common.foundation.errors import VmsError
from common.ui.off_thread import run_off_thread
from smartclient.site.snapshot import SiteCamera
from smartclient.video.control import Thumbnail
from smartclient.video.engine import VideoEngine

WIDTH_PX = 240
_MOST_KEPT = 400  # of about 130 kB
_AT_ONCE = 4
_WANTED_MOST = 400
_WAIT_MS = 12_000


@dataclass(frozen=True, slots=True)
class Place:
    """What a small picture shows: the picture at `start`, or the first one until `end`."""

    camera: SiteCamera
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Small:
    """`image` is null when nothing is recorded there (`error` empty), or it could not be fetched."""

    image: QImage
    at_us: int = 0
    error: str = ""


class Thumbnails(QObject):
    """The newest wishes count: what was wanted before and not asked for yet is forgotten."""

    arrived = Signal(object)
    """A Place."""

    def __init__(self, engine: VideoEngine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._kept: OrderedDict[Place, Small] = OrderedDict()
        self._wanted: list[Place] = []
        self._asked: dict[int, Place] = {}
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_WAIT_MS)
        self._patience.timeout.connect(self._give_up)
        engine.thumbnail.connect(self._answered)

    def of(self, place: Place) -> Small | None:
        """The picture, or None while it is not known."""
        small = self._kept.get(place)
        if small is not None:
            self._kept.move_to_end(place)
        return small

    def want(self, places: Sequence[Place]) -> None:
        """Fetch these, in this order, and nothing else."""
        asked = set(self._asked.values())
        self._wanted = [p for p in places if self._lacks(p) and p not in asked][:_WANTED_MOST]
        self._ask()

    def forget_errors(self) -> None:
        """Try again what could not be fetched."""
        for place in [place for place, small in self._kept.items() if small.error]:
            del self._kept[place]

    def _lacks(self, place: Place) -> bool:
        return place not in self._kept

    def _ask(self) -> None:
        while self._wanted and len(self._asked) < _AT_ONCE:
            place = self._wanted.pop(0)
            camera = place.camera
            number = self._engine.ask_thumbnail(camera.recorder, camera.id, (place.start, place.end), WIDTH_PX)
            self._asked[number] = place
            self._patience.start()

    def _answered(self, answer: Thumbnail) -> None:
        place = self._asked.pop(answer.id, None)
        if place is None:
            return
        self._ask()
        if not self._asked:
            self._patience.stop()
        if not answer.jpeg:
            self._keep(place, Small(QImage(), error=answer.error))
            return
        run_off_thread(
            self,
            lambda: QImage.fromData(b64decode(answer.jpeg)),
            lambda image: self._keep(place, Small(image, answer.at_us)),
            lambda error: self._failed(place, error),
        )

    def _failed(self, place: Place, error: VmsError) -> None:
        self._keep(place, Small(QImage(), error=str(error)))

    def _keep(self, place: Place, small: Small) -> None:
        self._kept[place] = small
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        self.arrived.emit(place)

    def _give_up(self) -> None:
        """No process answered: what was asked is asked again when somebody still wants it."""
        self._asked.clear()
        self._ask()
