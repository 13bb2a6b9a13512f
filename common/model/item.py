"""How a kind of configuration item is declared: once, here in `common.model`, for every use of it.

From a declaration come what the database keeps, the REST resource, validation, and the Management Client's tree node
and property page. `Kind` says what may be done with items of a class, `Shown` how a person sees one property.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Kind:
    """What a class of items is called and what may be done with them.

    `plural` is the REST resource, `parents` those of the items that it may stand below, `node` where the Management
    Client's tree shows it, `tasks` what can be asked of an item besides reading and changing it. `single`: each item
    above has exactly one, which has its id and, until somebody changes it, its declared defaults. `members`: the kinds
    whose items can be put into items of this one, as into groups.
    """

    plural: str
    parents: tuple[str, ...] = ()
    node: str = ""
    creatable: bool = False
    changeable: bool = True
    deletable: bool = False
    single: bool = False
    tasks: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """How a person sees a property. `secret`: taken in, encrypted, never given out again. `refers`: the kinds of items
    that a reference may name; none where any may be."""

    label: str
    group: str = "General"
    unit: str = ""
    help: str = ""
    read_only: bool = False
    secret: bool = False
    refers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """One declared property: its name in code, its name on the wire, and how it is shown."""

    name: str
    wire_name: str
    shown: Shown
    field: FieldInfo


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class ItemPath(BaseModel):
    """A reference to another item, as the API writes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: str
    id: str


class Item(BaseModel):
    """Base of every declaration. Python names are snake_case, on the wire camelCase."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False
    )
    kind: ClassVar[Kind]

    @property
    def title(self) -> str:
        """What a person calls it; what it is where it has no name of its own."""
        return str(getattr(self, "name", "")) or spaced(type(self).__name__)

    @classmethod
    def properties(cls) -> tuple[Property, ...]:
        """Return every declared property, in the order of declaration."""
        return _properties(cls)

    @classmethod
    def is_open(cls) -> bool:
        """Whether items keep properties that are not declared."""
        return cls.model_config.get("extra") == "allow"

    @classmethod
    def secrets(cls) -> frozenset[str]:
        """Return the wire names of properties that are never given out."""
        return frozenset(each.wire_name for each in cls.properties() if each.shown.secret)

    @classmethod
    def writable(cls) -> frozenset[str]:
        """Return the wire names of properties that an administrator may set."""
        return frozenset(each.wire_name for each in cls.properties() if not each.shown.read_only)

    def to_wire(self) -> dict[str, Any]:
        """Return all properties by their wire names, as JSON values."""
        return self.model_dump(mode="json", by_alias=True)


class NamedItem(Item):
    """An item that a person gives a name."""

    name: Annotated[Name, Shown("Name")]
    description: Annotated[Text, Shown("Description")] = ""


class OpenItem(Item):
    """An item that keeps properties which are not declared, as some kinds carry them: texts, numbers, lists of them."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _free_properties_are_plain(self) -> Self:
        free = self.model_extra or {}
        if len(free) > MOST_FREE:
            raise ValueError(f"At most {MOST_FREE} properties can be added")
        for name, value in free.items():
            if len(name) > _MOST_FREE_NAME or not _is_plain(value):
                raise ValueError(f"{name[:80]} must be a text, a number, a reference or a list of these")
        return self


MOST_FREE = 500
_MOST_FREE_NAME = 255
_MOST_FREE_TEXT = 16_384
_MOST_FREE_DEPTH = 4


def _is_plain(value: object, depth: int = 0) -> bool:
    if depth > _MOST_FREE_DEPTH:
        return False
    if isinstance(value, str):
        return len(value) <= _MOST_FREE_TEXT
    if isinstance(value, list):
        return len(value) <= MOST_FREE and all(_is_plain(each, depth + 1) for each in value)
    if isinstance(value, dict):
        return len(value) <= MOST_FREE and all(
            isinstance(name, str) and _is_plain(each, depth + 1) for name, each in value.items()
        )
    return value is None or isinstance(value, bool | int | float)


def spaced(name: str) -> str:
    """Write a class's name as words: "MotionDetection" is "Motion detection"."""
    first, *rest = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name) or [name]
    return " ".join([first, *(word if word.isupper() else word.lower() for word in rest)])


@cache
def _properties(model: type[Item]) -> tuple[Property, ...]:
    return tuple(
        Property(name, field.alias or name, _shown(name, field), field) for name, field in model.model_fields.items()
    )


def problems_of(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with each property, by wire name, in words for the person who typed it."""
    return {".".join(map(str, row["loc"])) or "": _sentence(row["type"], row["msg"]) for row in error.errors()}


def _sentence(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "A value is required."
        case "string_pattern_mismatch":
            return "Control characters are not allowed."
        case "string_too_short":
            return "This must not be empty."
        case _:
            words = message.removeprefix("Value error, ").replace("Input should be", "This must be", 1)
            return words if words.endswith(".") else words + "."


def _shown(name: str, field: FieldInfo) -> Shown:
    for mark in reversed(field.metadata):  # the innermost of several is that of a type's own
        if isinstance(mark, Shown):
            return mark
    return replace(Shown(name), read_only=True)


Enabled = Annotated[bool, Shown("Enabled")]
UNSET_TIME = "0001-01-01T00:00:00.0000000"
"""How the API writes a moment that has not come."""
