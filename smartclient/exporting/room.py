"""Exports as the Playback tab has them: the dialog for the selected time, and the list of what was ordered."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QWidget

from common.api.exporting import ExportEstimate, ExportRequest
from common.foundation.clock import UtcUs
from common.ui.session import Session
from common.ui.words import words
from smartclient.exporting.dialog import ExportDialog, ExportStart
from smartclient.exporting.keeper import ExportKeeper
from smartclient.exporting.orders import Order, OrderBook
from smartclient.exporting.panel import ExportPanel
from smartclient.exporting.recorders import ExportDoors
from smartclient.site.snapshot import Site


class ExportRoom(QObject):
    """Everything about exports of one signed-in user."""

    said = Signal(str)
    failed = Signal(object)

    def __init__(self, session: Session, window: QWidget, book: OrderBook | None = None) -> None:
        super().__init__(window)
        self._window = window
        self._site = Site()
        self._dialog: ExportDialog | None = None
        self._panel: ExportPanel | None = None
        self.doors = ExportDoors(session.client.access_token, session.ca_pem)
        self.keeper = ExportKeeper(self.doors, book or OrderBook(), session.server_url, session.user, self)
        self.keeper.ordered.connect(self._ordered)
        self.keeper.refused.connect(self.failed)
        self._started = False

    def show_site(self, site: Site) -> None:
        """Where recorders are may have changed."""
        self._site = site
        self.doors.uris = site.media_uris()
        if not self._started and site.cameras:
            self._started = True
            self.keeper.start()

    def open_dialog(self, chosen: Sequence[str], span: tuple[int, int], now: UtcUs) -> ExportDialog:
        """Ask what to export."""
        if self._dialog is not None:
            self._dialog.close()
        start = ExportStart(self._site.cameras, chosen, span, now, default_folder())
        self._dialog = ExportDialog(start, self._estimate, self._window)
        self._dialog.accepted.connect(self._accepted)
        self._dialog.open()
        return self._dialog

    def open_panel(self) -> ExportPanel:
        """Show the list."""
        if self._panel is None:
            self._panel = ExportPanel(self.keeper, self._window)
        self._panel.show()
        self._panel.raise_()
        return self._panel

    def stop(self) -> None:
        """The window closes: downloads end soon, and go on with the next start."""
        self.keeper.stop()

    def _accepted(self) -> None:
        if self._dialog is not None and self._dialog.wish is not None:
            wish = self._dialog.wish
            self.keeper.order(wish.name, wish.folder, wish.requests)

    def _ordered(self, order: Order) -> None:
        self.said.emit(words("exporting.ordered", name=order.name))
        self.open_panel()

    def _estimate(self, requests: Sequence[tuple[str, ExportRequest]]) -> ExportEstimate:  # worker thread
        found = [self.doors.estimate(recorder, request) for recorder, request in requests]
        tightest = min(found, key=lambda each: each.free_bytes - each.needed_bytes)
        return tightest.model_copy(update={"media_bytes": sum(each.media_bytes for each in found)})


def default_folder() -> Path:
    """Where exports go unless the operator says otherwise."""
    films = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    return (Path(films) if films else Path.home()) / "Vedette"
