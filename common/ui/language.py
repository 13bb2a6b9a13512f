"""Which language a client speaks: the one asked for, else the system's where there is a catalogue of it."""

import os
from importlib.resources import files

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from common.ui.words import set_language

ENGLISH = "en"
VARIABLE = "VEDETTE_LANGUAGE"


def languages() -> tuple[str, ...]:
    """The languages that there are catalogues of."""
    folders = files("resources").joinpath("i18n").iterdir()
    return tuple(sorted(folder.name for folder in folders if folder.is_dir()))


def speak(app: QApplication, wanted: str = "") -> str:
    """Let `app` speak `wanted` ("": as the environment or the system says) from now on; return what it speaks.

    Qt's own dialogs follow, and the direction of layouts with them.
    """
    known = languages()
    asked = [wanted, os.environ.get(VARIABLE, ""), *QLocale.system().uiLanguages()]
    short = (name.replace("_", "-").split("-")[0].lower() for name in asked if name)
    language = next((name for name in short if name in known), ENGLISH)
    set_language(language)
    locale = QLocale(language)
    QLocale.setDefault(locale)
    translator = QTranslator(app)
    if translator.load(locale, "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(translator)
    app.setLayoutDirection(locale.textDirection())
    return language
