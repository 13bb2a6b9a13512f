"""Query parameters of lists: flags, filters and pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.management.api.answers import BadRequest

_OPERATORS = ("lt", "gt", "equals", "notEquals", "startsWith", "contains")
_LARGEST_PAGE = 10_000
_DEFAULT_PAGE = 100


Shown = Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps items whose property compares to a value; without regard to case."""

    name: str
    operator: str
    value: str

    def keeps(self, item: Mapping[str, Any]) -> bool:
        have = item.get(self.name)
        text = str(have).lower() if not isinstance(have, bool) else ("true" if have else "false")
        wanted = self.value.lower()
        match self.operator:
            case "equals":
                return text == wanted
            case "notEquals":
                return text != wanted
            case "startsWith":
                return text.startswith(wanted)
            case "contains":
                return wanted in text
            case operator:
                order = _order(have, self.value)
                return order < 0 if operator == "lt" else order > 0


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list is asked for."""

    flags: frozenset[str]
    filters: tuple[Filter, ...]
    include: tuple[str, ...]
    task: str
    page: int | None
    size: int

    def has(self, flag: str) -> bool:
        return flag.lower() in self.flags

    def page_of(self, items: Iterable[tuple[bool, Shown]]) -> list[dict[str, Any]]:
        """Return what passes the filters, cut to the page asked for. Disabled items only come when asked for.

        `items`: whether each is enabled, and what shows it, which is asked for as few as can be.
        """
        disabled_too = self.has("disabled")
        left = 0 if self.page is None else self.page * self.size
        kept: list[dict[str, Any]] = []
        for enabled, shown in items:
            if not enabled and not disabled_too:
                continue
            if self.filters:
                item = shown()
                if not all(each.keeps(item) for each in self.filters):
                    continue
            if left:
                left -= 1
                continue
            kept.append(item if self.filters else shown())
            if self.page is not None and len(kept) == self.size:
                break
        return kept


def read_query(pairs: Sequence[tuple[str, str]], properties: frozenset[str]) -> ListQuery:
    """Read the parameters; those nobody knows are passed over. Raises BadRequest."""
    spelling = {name.lower(): name for name in properties}
    filters: list[Filter] = []
    values: dict[str, str] = {}
    for name, value in pairs:
        values.setdefault(name.lower(), value)
        if name.lower() in spelling and name.lower() not in ("task", "page", "size"):
            filters.append(_filter(spelling[name.lower()], value))
    page, size = _number(values, "page"), _number(values, "size")
    if size is not None and not 1 <= size <= _LARGEST_PAGE:
        raise BadRequest(f"size must be from 1 to {_LARGEST_PAGE}.")
    return ListQuery(
        flags=frozenset(name for name, value in values.items() if value.lower() not in ("false", "0")),
        filters=tuple(filters),
        include=tuple(part.strip() for part in values.get("includechildren", "").split(",") if part.strip()),
        task=values.get("task", ""),
        page=0 if page is None and size is not None else page,
        size=size or _DEFAULT_PAGE,
    )


def _filter(name: str, text: str) -> Filter:
    operator, colon, rest = text.partition(":")
    known = next((each for each in _OPERATORS if each.lower() == operator.lower()), None) if colon else None
    value = rest if known else text
    if len(value) >= 2 and value[0] == value[-1] == "'":
        value = value[1:-1]
    return Filter(name, known or "equals", value)


def _number(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadRequest(f"{name} must be a whole number from 0.")
    return int(text)


def _order(have: object, wanted: str) -> int:
    """Compare as numbers where both are, else as text."""
    try:
        left, right = float(str(have)), float(wanted)
    except ValueError:
        return (str(have).lower() > wanted.lower()) - (str(have).lower() < wanted.lower())
    return (left > right) - (left < right)
