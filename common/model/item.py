"""How a kind of configuration item is declared: once, here in `common.model`, for every use of it.

From a declaration come what the database keeps, the REST resource, validation, and the Management Client's tree node
and property page. `Kind` says what may be done with items of a class, `Shown` how a person sees one property.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Kind:
    """What a class of items is called and what may be done with them.

    `plural` is the REST resource, `parent` that of the items above it, `node` where the Management Client's tree
    shows it, `tasks` what can be asked of an item besides reading and changing it.
    """

    plural: str
    parent: str = ""
    node: str = ""
    creatable: bool = False
    changeable: bool = True
    deletable: bool = False
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """How a person sees a property. `secret`: taken in, encrypted, never given out again."""

    label: str
    group: str = "General"
    unit: str = ""
    help: str = ""
    read_only: bool = False
    secret: bool = False


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

    name: Annotated[Name, Shown("Name")]
    description: Annotated[Text, Shown("Description")] = ""

    @classmethod
    def properties(cls) -> tuple[Property, ...]:
        """Return every declared property, in the order of declaration."""
        return tuple(
            Property(name, field.alias or name, _shown(name, field), field) for name, field in cls.model_fields.items()
        )

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
    for mark in field.metadata:
        if isinstance(mark, Shown):
            return mark
    return replace(Shown(name), read_only=True)


Enabled = Annotated[bool, Shown("Enabled")]
Seconds = Annotated[int, Field(ge=0, le=15)]
UNSET_TIME = "0001-01-01T00:00:00.0000000"
"""How the API writes a moment that has not come."""
