"""The lines of an item's page, made from its declaration in `common.model`."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Literal, Union, get_args, get_origin

import annotated_types

from common.model.item import UNSET_TIME, Property
from common.model.kinds import BY_PLURAL
from common.ui.dates import written
from common.ui.words import words

Value = str | int | float | bool
_LONG_TEXTS = frozenset({"description", "customData"})
_MOST_NUMBER = 2_000_000_000


class Control(Enum):
    """What a property is changed with."""

    TEXT = auto()
    LONG_TEXT = auto()
    NUMBER = auto()
    FRACTION = auto()
    SWITCH = auto()
    CHOICE = auto()
    SECRET = auto()  # write only: the server never tells it


@dataclass(frozen=True, slots=True)
class Line:
    """One property as the page shows it. `name` is the one of the REST interface: problems carry it."""

    name: str
    label: str
    group: str
    control: Control
    read_only: bool = False
    unit: str = ""
    hint: str = ""
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()
    required: bool = False


def lines_of(kind: str) -> tuple[Line, ...]:
    """Return the lines of a kind's page (`cameras`, ...), groups together, as declared. References are left out."""
    made = [_line(declared) for declared in BY_PLURAL[kind].properties()]
    lines = [line for line in made if line is not None]
    groups = list(dict.fromkeys(line.group for line in lines))
    return tuple(sorted(lines, key=lambda line: groups.index(line.group)))


def shown_values(lines: tuple[Line, ...], item: Mapping[str, object]) -> dict[str, Value]:
    """Return what the server says each line is; what it does not say is empty."""
    empty: dict[Control, Value] = {Control.SWITCH: False, Control.NUMBER: 0, Control.FRACTION: 0.0}
    values: dict[str, Value] = {}
    for line in lines:
        said = item.get(line.name)
        if line.read_only and line.control is Control.TEXT:
            said = _as_read(said)
        values[line.name] = said if isinstance(said, (str, int, float)) else empty.get(line.control, "")
    return values


def _as_read(said: object) -> object:
    """Write what nobody types as a person reads it: moments in local time, "never" and "unknown" in words."""
    if isinstance(said, int) and said < 0:
        return words("mgmt.unknown")
    if not isinstance(said, str) or "T" not in said:
        return said
    if said == UNSET_TIME:
        return words("mgmt.never")
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return said
    return written(moment.astimezone(), "%d %b %Y %H:%M:%S")


def _line(declared: Property) -> Line | None:
    shown, annotation = declared.shown, declared.field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return None
    if get_origin(annotation) is Literal:
        control, choices = Control.CHOICE, tuple(map(str, get_args(annotation)))
    else:
        choices = ()
        plain = {bool: Control.SWITCH, int: Control.NUMBER, float: Control.FRACTION, str: Control.TEXT}
        if not isinstance(annotation, type) or annotation not in plain:
            return None
        control = plain[annotation]
    if shown.secret:
        control = Control.SECRET
    elif declared.wire_name in _LONG_TEXTS:
        control = Control.LONG_TEXT
    elif shown.read_only and control is not Control.SWITCH:
        control = Control.TEXT
    least, most, shortest = _limits(declared)
    return Line(
        declared.wire_name,
        shown.label,
        shown.group,
        control,
        shown.read_only,
        shown.unit,
        shown.help,
        least,
        most,
        choices,
        control is Control.TEXT and shortest > 0 and not shown.read_only,
    )


def _limits(declared: Property) -> tuple[float, float, int]:
    """Return the least and most number and the least length that the declaration allows."""
    least, most, shortest = float(-_MOST_NUMBER), float(_MOST_NUMBER), 0
    for mark in declared.field.metadata:
        match mark:
            case annotated_types.Ge(ge=bound) | annotated_types.Gt(gt=bound) if isinstance(bound, (int, float)):
                least = float(bound)
            case annotated_types.Le(le=bound) | annotated_types.Lt(lt=bound) if isinstance(bound, (int, float)):
                most = float(bound)
            case annotated_types.MinLen(min_length=length):
                shortest = max(shortest, length)
        shortest = max(shortest, getattr(mark, "min_length", None) or 0)
    return least, most, shortest
