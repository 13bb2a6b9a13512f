"""What the documentation tells people to run and to read exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], key=str)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_tests_and_linked_files_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = {ROOT / path.rstrip("./") for path in re.findall(r"\btests/[\w/.]+", text)}
    linked = {
        document.parent / target.partition("#")[0]
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not re.match(r"[a-z]+:|#", target)
    }
    missing = sorted(str(path) for path in named | linked if not path.exists())
    assert not missing
