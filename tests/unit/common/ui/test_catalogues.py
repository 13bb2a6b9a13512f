"""The catalogues of texts: the second language says all that the clients say, with the same particulars."""

import json
import string
from pathlib import Path

import pytest

from common.foundation.catalog import text
from common.ui.language import languages

ROOT = Path(__file__).parents[4] / "resources" / "i18n"
OF_CLIENTS = (
    *("ui", "smartclient", "mgmtclient", "timeline", "bookmarks", "views", "windows", "explorer", "tiles"),
    *("items", "switcher", "exporting", "setup", "items", "errors", "dates", "clients_recorder"),
)
TRANSLATED = sorted(path.name for path in ROOT.iterdir() if path.name != "en")


def catalogue(language: str, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((ROOT / language / f"{name}.json").read_text())
    return found


def particulars(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_there_is_a_second_language() -> None:
    assert set(languages()) == {"en", *TRANSLATED}
    assert "de" in TRANSLATED


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("name", OF_CLIENTS)
def test_all_that_clients_say_is_translated(language: str, name: str) -> None:
    assert catalogue(language, name).keys() == catalogue("en", name).keys()


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_same_particulars_and_lines(language: str) -> None:
    for file in (ROOT / language).glob("*.json"):
        english = catalogue("en", file.stem)
        for key, said in catalogue(language, file.stem).items():
            assert particulars(said) == particulars(english[key]), key
            assert said.count("\n") == english[key].count("\n"), key
            assert said.count("|") == english[key].count("|") or key.startswith("timeline.word_"), key
            assert bool(said.strip()) == bool(english[key].strip()), key


def test_no_text_has_two_catalogues() -> None:
    seen: dict[str, str] = {}
    for file in (ROOT / "en").glob("*.json"):
        for key in json.loads(file.read_text()):
            assert key not in seen or key.startswith("media."), (key, seen.get(key), file.name)
            seen[key] = file.name


def test_what_is_not_translated_is_said_in_english() -> None:
    assert text("smart.live_hint", "de") == "Livebilder (Strg+1, Ende)"
    assert text("error.port_in_use", "de", detail="x") == text("error.port_in_use", "en", detail="x")
