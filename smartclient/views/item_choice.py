"""Choosing what is to stand in a place of a view: a menu, and the question that belongs to each entry."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QMenu, QWidget

from common.ui.off_thread import run_off_thread
from common.ui.words import words
from smartclient.live.picture_file import embedded
from smartclient.site.snapshot import Site
from smartclient.views.item_dialogs import CarouselDialog, TextDialog
from smartclient.views.items import Carousel, Hotspot, Item, Picture, Writing, content_of


class ItemChoice(QObject):
    """Asks without holding up the pictures. `owner` is where the questions appear."""

    chosen = Signal(str)
    """The text of the place."""
    failed = Signal(object)

    def __init__(self, site: Site, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._names = {camera.id: camera.name for camera in site.cameras}

    def menu(self, now: Item | None, camera: str) -> QMenu:
        """What can be put there. `camera`: what stands there now is the first one of a new carousel."""
        menu = QMenu(self._owner)
        for name, label, act in (
            ("hotspot", "items.hotspot", lambda: self.chosen.emit(content_of(Hotspot()))),
            ("carousel", "items.carousel_menu", lambda: self.ask_carousel(now, camera)),
            ("picture", "items.picture", self.ask_picture),
            ("text", "items.text", lambda: self.ask_text(now)),
        ):
            action = menu.addAction(words(label))
            action.setObjectName(f"item_{name}")
            action.triggered.connect(act)
        return menu

    def show_menu(self, now: Item | None, camera: str, at: QPoint) -> None:
        menu = self.menu(now, camera)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def change(self, now: Item) -> None:
        """Ask about what stands there."""
        if isinstance(now, Carousel):
            self.ask_carousel(now, "")
        elif isinstance(now, Writing):
            self.ask_text(now)
        elif isinstance(now, Picture):
            self.ask_picture()

    def ask_carousel(self, now: Item | None, camera: str) -> None:
        start = now if isinstance(now, Carousel) else Carousel((camera,)) if camera else None
        dialog = CarouselDialog(start, self._names, self._owner)
        self._open(dialog, lambda: content_of(dialog.carousel))

    def ask_text(self, now: Item | None) -> None:
        dialog = TextDialog(now if isinstance(now, Writing) else None, self._owner)
        self._open(dialog, lambda: content_of(dialog.writing))

    def ask_picture(self) -> None:
        dialog = QFileDialog(self._owner, words("items.choose_picture"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(f"{words('items.picture_files')} (*.png *.jpg *.jpeg *.bmp *.webp)")
        dialog.fileSelected.connect(lambda path: self.put_picture(Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def put_picture(self, path: Path) -> None:
        """Read a file, and make it small enough."""
        run_off_thread(self, lambda: content_of(embedded(path)), self.chosen.emit, self.failed.emit)

    def _open(self, dialog: QDialog, content: Callable[[], str]) -> None:
        dialog.accepted.connect(lambda: self.chosen.emit(content()))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
