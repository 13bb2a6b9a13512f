"""The manual's pages that are made from the programs are current."""

from pathlib import Path

import pytest

from server.runtime.make_docs import PAGES
from server.runtime.tables import TABLES

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_key_has_a_sentence() -> None:
    for model in TABLES.values():
        for key, field in model.model_fields.items():
            assert field.description, key
