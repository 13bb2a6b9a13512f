"""A picture of a tile at the camera's full size: taken beside the tile, saved, and put on the clipboard."""

import re
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QImage

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import VmsError
from common.ui.off_thread import run_off_thread
from common.ui.words import words
from smartclient.video.engine import VideoEngine
from smartclient.video.feed import FeedSource, TileFeed
from smartclient.video.slots import PictureFlags

_FIRST_PX = (64, 36)  # until the stream's own size is known
_PATIENCE_MS = 5000
_MOST_NAME = 80
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')


class SnapshotNotSaved(VmsError):
    """The picture could not be written."""

    message_key = "snapshot.not_saved"


class Snapshots(QObject):
    """Takes one at a time. `said` tells the operator what became of it; `saved` where it is."""

    said = Signal(str)
    saved = Signal(object)
    failed = Signal(object)

    def __init__(self, engine: VideoEngine, folder: Path | None = None, parent: QObject | None = None) -> None:
        """`folder`: where pictures go; None: "Vedette" in the user's folder for pictures."""
        super().__init__(parent)
        self._engine = engine
        self._folder = folder
        self._taking: _Taking | None = None

    def take(self, source: FeedSource, name: str) -> None:
        """Take a picture of what a tile named `name` shows now. Nothing while another is being taken."""
        if self._taking is None:
            self._taking = _Taking(self._engine, source, self)
            self._taking.done.connect(lambda image, at: self._taken(image, at, name))

    def _taken(self, image: QImage | None, at: int, name: str) -> None:
        self._taking = None
        if image is None:
            self.said.emit(words("snapshot.no_picture", name=name))
            return
        QGuiApplication.clipboard().setImage(image)
        folder = self._folder or pictures_folder()
        run_off_thread(self, lambda: _save(image, folder, name, UtcUs(at)), self._kept, self.failed.emit)

    def _kept(self, path: Path) -> None:
        self.saved.emit(path)
        self.said.emit(words("snapshot.saved", path=str(path)))


class _Taking(QObject):
    """Opens the stream once more, as large as it is, and waits for a picture that is no older than the tile's."""

    done = Signal(object, object)
    """The picture, None when none came in time, and its UTC in microseconds."""

    def __init__(self, engine: VideoEngine, source: FeedSource, parent: QObject) -> None:
        super().__init__(parent)
        self._feed: TileFeed | None = engine.open(source, *_FIRST_PX)
        self._recorded = source.recorded
        self._feed.changed.connect(self._sized)
        self._feed.arrived = self._arrived
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(lambda: self._end(None, 0))
        self._patience.start()

    def _sized(self) -> None:
        if self._feed is not None and self._feed.quality is not None:
            self._feed.resize(self._feed.quality.width_px, self._feed.quality.height_px)

    def _arrived(self) -> None:
        feed = self._feed
        image = None if feed is None else feed.take()
        if feed is None or image is None or feed.info is None or feed.quality is None:
            return
        whole = (feed.info.width_px, feed.info.height_px) == (feed.quality.width_px, feed.quality.height_px)
        if whole and (self._recorded or not feed.info.flags & PictureFlags.PREROLL):
            self._end(image.copy(), feed.info.utc_us)

    def _end(self, image: QImage | None, at: int) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            self._patience.stop()
            feed.close()
            feed.deleteLater()
            self.done.emit(image, at)
            self.deleteLater()


def pictures_folder() -> Path:
    """Where snapshots go."""
    pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    return Path(pictures or Path.home()) / "Vedette"


def _save(image: QImage, folder: Path, name: str, at: UtcUs) -> Path:
    """Write a PNG under a name that says what and when, and that is not taken. Raises SnapshotNotSaved."""
    moment = datetime.fromtimestamp(at / US_PER_S).astimezone()
    stem = f"{_NOT_IN_NAMES.sub('_', name)[:_MOST_NAME]} {moment:%Y-%m-%d %H-%M-%S}.{at // 1000 % 1000:03d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = next(
            path
            for number in range(1, 1000)
            if not (path := folder / f"{stem}{'' if number == 1 else f' ({number})'}.png").exists()
        )
    except (OSError, StopIteration) as failed:
        raise SnapshotNotSaved(str(failed), path=str(folder)) from failed
    image.setText("Camera", name)
    image.setText("Time", moment.isoformat(timespec="milliseconds"))
    if not image.save(str(path)):
        path.unlink(missing_ok=True)
        raise SnapshotNotSaved("the disk is full, or the folder cannot be written", path=str(path))
    return path
