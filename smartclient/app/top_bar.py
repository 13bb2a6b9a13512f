"""The bar along the top: tabs, layouts, sound, full screen, server time, and who is signed in."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QMenu, QTabBar, QToolButton, QWidget

from common.ui.icons import icon
from common.ui.server_time import ServerTime
from common.ui.session import Session
from common.ui.theme import set_role
from common.ui.words import words
from smartclient.views.layout_icon import layout_icon
from smartclient.views.layouts import SQUARES, UNEVEN, Layout, across, square

LIVE, PLAYBACK = 0, 1
_HEIGHT_PX = 40
_BUTTONS = 4  # layouts with a button of their own; the others are in a menu


class TopBar(QWidget):
    """Says what the operator chose; what it shows is told to it."""

    tab_changed = Signal()
    layout_chosen = Signal(object)
    """A Layout."""
    set_up_asked = Signal()
    listen_asked = Signal()
    full_screen_asked = Signal()
    keys_asked = Signal()
    sign_out_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("top_bar")
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(_HEIGHT_PX)
        self._listening = False
        self._layout_shown = square(2)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(4)
        name = QLabel("Vedette")
        set_role(name, "heading")
        row.addWidget(name)
        row.addSpacing(12)
        self.tabs = self._tab_bar()
        row.addWidget(self.tabs, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)
        self._layouts = QButtonGroup(self)
        for columns in SQUARES[:_BUTTONS]:
            button = _button(f"layout_{columns}", words("smart.layout_hint", n=columns))
            button.setText(f"{columns}×{columns}")
            button.setCheckable(True)
            self._layouts.addButton(button, columns)
            row.addWidget(button)
        self._layouts.idClicked.connect(self._layout_clicked)
        self.more_layouts = self._layout_menu()
        row.addWidget(self.more_layouts)
        row.addSpacing(8)
        self.set_up_button = _button("set_up", words("smart.set_up"), "flat")
        self.listen_button = _button("listen", words("smart.listen"), "flat")
        self.listen_button.setCheckable(True)
        self.full_button = _button("full_screen", words("smart.full_screen"), "flat")
        self.help_button = _button("help", words("smart.keys_hint"), "flat")
        for button, asked in (
            (self.set_up_button, self.set_up_asked),
            (self.listen_button, self.listen_asked),
            (self.full_button, self.full_screen_asked),
            (self.help_button, self.keys_asked),
        ):
            button.clicked.connect(asked)
            row.addWidget(button)
        row.addSpacing(8)
        self.clock = ServerTime()
        self.clock.setObjectName("server_time")
        row.addWidget(self.clock)
        row.addSpacing(8)
        self.user_button = self._user_menu(session)
        row.addWidget(self.user_button)
        self._paint_icons()

    def _layout_menu(self) -> QToolButton:
        """The larger and the uneven layouts; in the button group, so that it is marked while one of them is shown."""
        button = _button("more_layouts", words("smart.more_layouts"))
        button.setCheckable(True)
        button.setText("\u22ef")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        for columns in SQUARES[_BUTTONS:]:
            action = menu.addAction(words("smart.layout_choice", n=columns, tiles=columns * columns))
            action.setObjectName(f"layout_{columns}")
            action.triggered.connect(lambda _=False, columns=columns: self.layout_chosen.emit(square(columns)))
        menu.addSeparator()
        for name, layout in UNEVEN.items():
            action = menu.addAction(layout_icon(layout), name)
            action.setObjectName(f"layout_{name}")
            action.triggered.connect(lambda _=False, layout=layout: self.layout_chosen.emit(layout))
        menu.aboutToHide.connect(
            lambda: self.show_layout(self._layout_shown)
        )  # the press itself has checked the button
        button.setMenu(menu)
        self._layouts.addButton(button)
        return button

    def _layout_clicked(self, columns: int) -> None:
        if columns in SQUARES:  # else it is the menu's button
            self.layout_chosen.emit(square(columns))

    def _tab_bar(self) -> QTabBar:
        tabs = QTabBar()
        tabs.setObjectName("tabs")
        tabs.setDrawBase(False)
        tabs.setExpanding(False)
        for key in ("smart.live", "smart.playback"):
            tabs.setTabToolTip(tabs.addTab(words(key)), words(f"{key}_hint"))
        tabs.currentChanged.connect(lambda _: self.tab_changed.emit())
        return tabs

    def _user_menu(self, session: Session) -> QToolButton:
        button = _button("user_menu", words("smart.signed_in", user=session.user, server=session.server_url), "flat")
        button.setText(session.user)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        self.sign_out_action = QAction(words("smart.sign_out"), menu)
        self.sign_out_action.setObjectName("sign_out")
        self.sign_out_action.triggered.connect(lambda _: self.sign_out_asked.emit())
        menu.addAction(self.sign_out_action)
        button.setMenu(menu)
        return button

    def show_layout(self, layout: Layout) -> None:
        """Mark the layout that is shown."""
        self._layout_shown = layout
        columns = across(layout)
        button = self._layouts.button(columns) if columns else None
        (self.more_layouts if button is None else button).setChecked(True)
        name = next((name for name, known in UNEVEN.items() if known == layout), "\u25a6")
        if columns:
            name = f"{columns}\u00d7{columns}"
        self.more_layouts.setText("\u22ef" if button is not None else name)

    def show_listening(self, listening: bool) -> None:
        """Show whether a camera is heard."""
        self._listening = listening
        self.listen_button.setChecked(listening)
        self._paint_icons()

    def _paint_icons(self) -> None:
        heard = self._listening
        self.listen_button.setIcon(icon("sound" if heard else "mute", "accent" if heard else "text"))
        self.set_up_button.setIcon(icon("layout", "text"))
        self.full_button.setIcon(icon("full_screen", "text"))
        self.help_button.setIcon(icon("help", "text"))
        self.user_button.setIcon(icon("user", "text"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "user_button"):
            self._paint_icons()


def _button(name: str, hint: str, role: str = "") -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setToolTip(hint)
    button.setAccessibleName(hint)
    if role:
        set_role(button, role)
    return button
