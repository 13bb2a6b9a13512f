"""The main window: node tree, overview table, property page, kept fresh off the GUI thread."""

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from common.clients.management import ManagementClient
from common.clients.management_values import Hardware, RecordingServer, ValidationFailed
from common.foundation.clock import SystemClock
from common.foundation.errors import NotSignedIn, VmsError
from common.foundation.ids import HardwareId
from common.ui.about import AboutDialog
from common.ui.item_tree import ItemTree
from common.ui.notices import EmptyState, Notice
from common.ui.off_thread import Job, run_off_thread
from common.ui.question import Question
from common.ui.server_time import ServerTime, clock_text
from common.ui.session import Session
from common.ui.sign_in import SignInDialog
from common.ui.site_channel import SiteChannel
from common.ui.task_bar import TaskBar
from common.ui.theme import apply_theme, theme
from common.ui.window_size import first_size
from common.ui.words import sentence, words
from mgmtclient.app.actions import Actions
from mgmtclient.app.changes import Changes
from mgmtclient.app.first_steps import FirstSteps
from mgmtclient.hardware.add_camera import AddCameraDialog
from mgmtclient.hardware.test_picture import CameraAddress
from mgmtclient.overview.rows import sheet_of
from mgmtclient.overview.table import Overview
from mgmtclient.properties.fields import Value
from mgmtclient.properties.page import PropertyPage
from mgmtclient.site.snapshot import Item, Kind, SiteSnapshot, key_of, kind_of, read_site
from mgmtclient.site.tree import FIRST_STEPS, RECORDERS, site_nodes

REFRESH_MS = 3_000
"""While changes are not heard of."""
RENEW_MS = 30_000
"""While they are: only to have a fresh token at hand."""


class MainWindow(QMainWindow):
    """The Management Client for one signed-in session. The tree's node fills the table, its row the property page."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._site = SiteSnapshot()
        self._read_once = False
        self._refreshing: Job | None = None
        self._again = False
        self._leaving = False
        self._wanted = ""  # key to select as soon as the server tells of it
        self._fetched_at = SystemClock().now_us()
        self.setWindowTitle(session.server_url.removeprefix("https://"))  # Qt adds the product's name
        first_size(self, 1280, 800)

        self.tree = ItemTree(words("mgmt.filter_hint"), words("mgmt.node_tree"))
        self.overview = Overview()
        self.page = PropertyPage()
        self.first_steps = FirstSteps()
        self.empty = EmptyState("recorder", "", "", words("mgmt.add_camera_dots"))
        self.loading = EmptyState(
            "server", words("mgmt.loading", server=session.server_url.removeprefix("https://")), ""
        )
        self.stale = Notice()
        self.tasks = TaskBar.into(self.statusBar())
        self.changes = Changes(lambda: self._session.client, self.tasks, self)
        self.add_dialog: AddCameraDialog | None = None
        self.question: Question | None = None
        self._lay_out()

        self.actions_ = Actions(
            self,
            {
                "add": self.add_camera,
                "quit": self.close,
                "rename": self.rename,
                "enable": lambda: self._enable(True),
                "disable": lambda: self._enable(False),
                "remove": self.remove,
                "refresh": self.refresh,
                "find": self.tree.focus_filter,
                "theme": self.switch_theme,
                "about": self.about,
            },
        )
        self.tree.current_changed.connect(self._node_changed)
        self.tree.view.clicked.connect(self._node_changed)
        self.tree.rename_asked.connect(self._rename)
        self.tree.menu_asked.connect(self._menu)
        self.overview.chosen.connect(self._row_changed)
        self.overview.opened.connect(self.tree.select)
        self.overview.renamed.connect(self._rename)
        self.overview.menu_asked.connect(self._menu)
        self.page.save_asked.connect(self._save)
        self.first_steps.add_camera_asked.connect(self.add_camera)
        self.empty.acted.connect(self.add_camera)
        self.changes.made.connect(self.refresh)
        self.changes.refused.connect(self._refused)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self._listen()
        self._update_actions()
        self.refresh()

    def _listen(self) -> None:
        """Hear at once what others change; while that cannot be, look every few seconds."""
        self._channel = SiteChannel(self._session, self)
        self._channel.changed.connect(self.refresh)
        self._channel.connected.connect(
            lambda connected: self._timer.setInterval(RENEW_MS if connected else REFRESH_MS)
        )
        self._channel.start()

    def _lay_out(self) -> None:
        self.detail = QSplitter(Qt.Orientation.Vertical)
        self.table_or_empty = QStackedWidget()
        self.table_or_empty.addWidget(self.overview)
        self.table_or_empty.addWidget(self.empty)
        self.detail.addWidget(self.table_or_empty)
        self.detail.addWidget(self.page)
        self.detail.setSizes([300, 460])
        self.detail.setChildrenCollapsible(False)
        self.pages = QStackedWidget()
        for page in (self.loading, self.first_steps, self.detail):
            self.pages.addWidget(page)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stale)
        column.addWidget(self.pages, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.tree)
        split.addWidget(right)
        split.setSizes([300, 980])
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        self.tree.setMinimumWidth(200)
        self.setCentralWidget(split)
        self.who = QLabel()
        self._show_who()
        self.statusBar().addPermanentWidget(self.who)
        self.clock = ServerTime()
        self.clock.setContentsMargins(8, 0, 12, 0)
        self.statusBar().addPermanentWidget(self.clock)
        self.statusBar().setSizeGripEnabled(False)

    def _show_who(self) -> None:
        server = self._session.server_url.removeprefix("https://")
        self.who.setText(words("mgmt.signed_in_as", user=self._session.user, server=server))

    # Reading

    def refresh(self) -> None:
        """Read the site again, unless that is under way; then once more after it."""
        if self._leaving:
            return
        if self._refreshing is not None:
            self._again = True
            return
        client = self._session.client
        self._refreshing = run_off_thread(self, lambda: read_site(client), self._arrived, self._not_read)

    def _arrived(self, site: SiteSnapshot) -> None:
        self._refreshing = None
        first, self._read_once = not self._read_once, True
        self._fetched_at = SystemClock().now_us()
        server_now_us = self._session.client.server_now_us()
        if server_now_us is not None:
            self.clock.server_said(server_now_us)
        self.stale.clear()
        self._site = site
        items: tuple[Item, ...] = (*site.recorders, *site.hardware, *site.devices)
        self.page.forget_gone({key_of(item) for item in items})
        self.tree.show_nodes(site_nodes(site, self._session.server_url.removeprefix("https://").partition(":")[0]))
        self.first_steps.show_site(site)
        if first:
            self.tree.select(RECORDERS if site.hardware else FIRST_STEPS)
            self.tree.view.setFocus()
        if self._wanted and self.tree.select(self._wanted):
            self._wanted = ""
        self._show_node()
        if self._again:
            self._again = False
            self.refresh()

    def _not_read(self, error: VmsError) -> None:
        self._refreshing = None
        self._again = False
        if isinstance(error, NotSignedIn):
            self.stale.say("warn", words("mgmt.session_ended"), words("mgmt.sign_in_again"), self.sign_in_again)
        elif self._read_once:
            said = words("mgmt.stale", time=clock_text(self._fetched_at), reason=sentence(error))
            self.stale.say("error", said, words("mgmt.refresh"), self.refresh)
        else:
            said = words("mgmt.not_yet_read", reason=sentence(error))
            self.stale.say("error", said, words("mgmt.refresh"), self.refresh)

    def sign_in_again(self) -> None:
        """Start another session without losing what is on screen."""
        old = self._session
        dialog = SignInDialog(
            words("mgmt.product"), server=old.server_url, user=old.user, trusted_pem=old.ca_pem, parent=self
        )
        dialog.accepted.connect(lambda: self._signed_in(dialog.session))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _signed_in(self, session: Session | None) -> None:
        if session is not None:
            self._session = session
            self._show_who()
            self._channel.stop()
            self._listen()
            self.refresh()

    # Showing

    def _node_changed(self) -> None:
        """Another node was chosen: show the node itself, not a row of its table."""
        self.overview.clear_current()
        self._show_node()

    def _show_node(self) -> None:
        """Fill table and page for the tree's current node."""
        if not self._read_once:
            return
        key = self.tree.current_key()
        if key == FIRST_STEPS:
            self.pages.setCurrentWidget(self.first_steps)
            self._update_actions()
            return
        self.pages.setCurrentWidget(self.detail)
        sheet = sheet_of(self._site, key)
        self.overview.show_sheet(sheet)
        item = self._site.find(key)
        if isinstance(item, RecordingServer):
            self.empty.say(words("mgmt.no_hardware"), words("mgmt.no_hardware_hint"))
            self.empty.button.show()
        else:
            self.empty.say(words("mgmt.no_recorders_yet"), words("mgmt.no_recorders_yet_hint"))
            self.empty.button.hide()
        self.table_or_empty.setCurrentWidget(self.overview if sheet.rows else self.empty)
        if item is not None and kind_of(item) in (Kind.CAMERA, Kind.MICROPHONE):
            self.overview.select(key)
        self._show_page()

    def _row_changed(self, _key: str) -> None:
        self._show_page()

    def current_item(self) -> Item | None:
        """Return what actions are about: the item whose property page is open."""
        return self._site.find(self.page.key()) if self.pages.currentWidget() is self.detail else None

    def _show_page(self) -> None:
        if self.pages.currentWidget() is not self.detail:
            return
        row = self._site.find(self.overview.current_key())
        node = self._site.find(self.tree.current_key())
        item = row if row is not None else node
        self.page.setVisible(item is not None)
        self.page.show_item(item)
        if item is not None:
            client, key = self._session.client, key_of(item)
            run_off_thread(
                self,
                lambda: client.item(kind_of(item), item.id),
                lambda values: self.page.show_values(key, values),
                lambda error: self.page.notice.say_error(error) if self.page.key() == key else None,
            )
        self._update_actions()

    def _update_actions(self) -> None:
        item = self.current_item()
        named = self.actions_.named if hasattr(self, "actions_") else {}
        for name, usable in {
            "add": self._read_once,
            "rename": item is not None,
            "enable": item is not None and not item.enabled,
            "disable": item is not None and item.enabled and not isinstance(item, RecordingServer),
            "remove": item is not None and self._site.hardware_of(item) is not None,
        }.items():
            if name in named:
                named[name].setEnabled(usable)

    def _menu(self, key: str, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        names = ("rename", "enable", "disable", "remove") if self._site.find(key) is not None else ("add", "refresh")
        for name in names:
            if self.actions_.named[name].isEnabled():
                menu.addAction(self.actions_.named[name])
        menu.popup(at)

    # Changing

    def add_camera(self) -> None:
        """Open the dialog for a new camera."""
        item = self.current_item()
        recorder = self._site.recorder_of(item) if item is not None else None
        dialog = AddCameraDialog(self._session, self._site.recorders, recorder.id if recorder else "", self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.asked.connect(lambda *asked: self._add(dialog, *asked))
        dialog.finished.connect(self._add_closed)
        self.add_dialog = dialog
        dialog.open()

    def _add_closed(self) -> None:
        self.add_dialog = None

    def _add(self, dialog: AddCameraDialog, recorder: RecordingServer, camera: CameraAddress, name: str) -> None:
        def added(hardware_id: HardwareId) -> None:
            self._wanted = f"{Kind.HARDWARE}:{hardware_id}"
            if self.add_dialog is dialog:
                dialog.accept()

        def refused(error: VmsError) -> None:
            if self.add_dialog is not dialog:
                self._refused(error)
            elif isinstance(error, ValidationFailed) and error.problems:
                dialog.problems(error.problems)
            else:
                dialog.failed(error)

        self.changes.add(recorder, camera, name, added=added, refused=refused)

    def rename(self) -> None:
        """Open the current name for typing where the operator is: in the table or in the tree."""
        item = self.current_item()
        if item is None:
            return
        if self.overview.current_key() == key_of(item) and self.overview.isVisible():
            self.overview.edit_name()
        else:
            self.tree.edit_name(key_of(item))

    def _rename(self, key: str, name: str) -> None:
        item = self._site.find(key)
        if item is not None:
            self.changes.rename(item, name)

    def _enable(self, enabled: bool) -> None:
        item = self.current_item()
        if item is not None:
            self.changes.enable(item, enabled)

    def remove(self) -> None:
        """Ask, naming what goes and what stays, and remove the hardware of the current item."""
        item = self.current_item()
        hardware = self._site.hardware_of(item) if item is not None else None
        if hardware is None:
            return
        devices = [row.name for row in self._site.devices if row.hardware_id == hardware.id]
        box = Question(
            words("mgmt.remove_question", name=hardware.name),
            words("mgmt.remove_text", devices=", ".join(devices) or "0"),
            words("mgmt.remove_do", name=hardware.name),
            parent=self,
        )
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.accepted.connect(lambda: self._removal_agreed(hardware))
        self.question = box
        box.open()

    def _removal_agreed(self, hardware: Hardware) -> None:
        self.changes.remove(hardware)

    def _save(self, key: str, changes: dict[str, Value], etag: str) -> None:
        item = self._site.find(key)
        if item is not None:
            self.changes.save(
                item,
                changes,
                etag,
                saved=lambda: self.page.saved(key),
                refused=lambda error: self.page.refused(key, error),
            )

    def _refused(self, error: VmsError) -> None:
        self.page.notice.say_error(error)
        self.refresh()

    # The window

    def switch_theme(self) -> None:
        """Show the other theme."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, "light" if theme() == "dark" else "dark")

    def about(self) -> None:
        """Show the version."""
        dialog = AboutDialog(words("mgmt.product"), self._session.server_url, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "actions_"):
            self.actions_.repaint()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask before edits are lost; end the session on the way out."""
        drafts = [item.name for key in self.page.drafts() if (item := self._site.find(key)) is not None]
        if drafts and not self._leave_question(drafts):
            event.ignore()
            return
        self._leaving = True  # an answer under way asks for no other
        self._timer.stop()
        self._channel.stop()
        super().closeEvent(event)

    def _leave_question(self, names: list[str]) -> bool:
        box = Question(
            words("mgmt.drafts_question"),
            words("mgmt.drafts_text", names=", ".join(names)),
            words("mgmt.close_anyway"),
            keep=words("mgmt.keep_editing"),
            parent=self,
        )
        return box.exec() == Question.DialogCode.Accepted


def sign_out(client: ManagementClient) -> None:
    """End a session on the server if it answers; a server that is gone has nothing to end."""
    try:
        client.sign_out()
    except VmsError:
        return
    finally:
        client.close()
