"""The manual's page of settings is made from the programs, and is current."""

from pathlib import Path

from server.runtime.settings_docs import settings_page
from server.runtime.tables import TABLES

PAGE = Path(__file__).parents[4] / "docs" / "settings.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run `make docs`"


def test_every_key_has_a_sentence() -> None:
    for model in TABLES.values():
        for key, field in model.model_fields.items():
            assert field.description, key
