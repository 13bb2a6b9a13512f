"""The keys: no key does two things in one place, and the operator guide's table says what the code does."""

from collections import defaultdict
from itertools import groupby
from pathlib import Path

from common.ui.words import words
from smartclient.app.keys import KEYS, KeyBinding

GUIDE = Path(__file__).parents[3] / "docs" / "operator-guide.md"
PLACES = {"all": "everywhere", "live": "live", "playback": "playback"}


def guide_rows() -> list[str]:
    """The table's rows, in the order of F1's list."""
    rows = []
    for family, group in groupby(KEYS, lambda binding: binding.family):
        bindings = list(group)
        if family:
            keys = f"{bindings[0].keys[0]} … {bindings[-1].keys[0]}"
            rows.append(_row(keys, family, bindings[0].where))
        else:
            rows += [_row(", ".join(binding.keys), binding.action, binding.where) for binding in bindings]
    return rows


def _row(keys: str, name: str, where: str) -> str:
    return f"| {keys} | {words(f'smart.key.{name}')} | {PLACES[where]} |"


def test_no_key_does_two_things_in_one_place() -> None:
    holders: dict[tuple[str, str], list[KeyBinding]] = defaultdict(list)
    for binding in KEYS:
        for key in binding.keys:
            for tab in ("live", "playback") if binding.where == "all" else (binding.where,):
                holders[key, tab].append(binding)
    assert {place: found for place, found in holders.items() if len(found) > 1} == {}


def test_the_operator_guide_lists_every_key() -> None:
    section = GUIDE.read_text(encoding="utf-8").split("## All keys\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| ")]
    assert table[0] == "| Keys | What they do | Where |"
    assert table[2:] == guide_rows()
