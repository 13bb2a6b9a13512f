"""How what stands in a reply is declared: once, as a dataclass, from which come its XML and its schema.

Members are written as existing clients know them from Windows Communication Foundation: named in PascalCase, those of
a base class first, each class's own in alphabetical order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, NewType, get_args, get_origin, get_type_hints

from common.foundation.clock import UtcUs

Guid = NewType("Guid", str)
Long = NewType("Long", int)

NO_GUID = Guid("00000000-0000-0000-0000-000000000000")

SCALARS: Mapping[Any, str] = {
    str: "xs:string",
    int: "xs:int",
    Long: "xs:long",
    float: "xs:double",
    bool: "xs:boolean",
    UtcUs: "xs:dateTime",
    Guid: "ser:guid",
}
"""What values are called in a schema."""


class Contract:
    """Base of what has members."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Value:
    """What a member, parameter or result is: one of `of` (a key of SCALARS, or a Contract), or a list of them."""

    of: Any
    many: bool = False
    optional: bool = False

    @property
    def contract(self) -> type[Contract] | None:
        return self.of if isinstance(self.of, type) and issubclass(self.of, Contract) else None


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name on the wire, its attribute in Python, and what it is."""

    name: str
    attribute: str
    value: Value


def named(name: str) -> Any:
    """Declare a member whose name is not that of its attribute in PascalCase."""
    return field(metadata={"name": name})


def base_of(contract: type[Contract]) -> type[Contract] | None:
    """Return the contract that one extends; None when there is none."""
    above = contract.__mro__[1]
    return above if above is not Contract and issubclass(above, Contract) else None


def own_members(contract: type[Contract]) -> tuple[Member, ...]:
    """Return the members that a contract itself declares, in the order of the wire."""
    above = base_of(contract)
    inherited = {each.attribute for each in members(above)} if above is not None else set()
    hints = get_type_hints(contract)
    found = [
        Member(each.metadata.get("name") or _pascal(each.name), each.name, value_of(hints[each.name]))
        for each in fields(contract)  # type: ignore[arg-type]  # every Contract is a dataclass
        if each.name not in inherited
    ]
    return tuple(sorted(found, key=lambda member: member.name))


def members(contract: type[Contract]) -> tuple[Member, ...]:
    """Return all members in the order of the wire."""
    found = _KNOWN.get(contract)
    if found is None:
        above = base_of(contract)
        found = _KNOWN[contract] = (members(above) if above is not None else ()) + own_members(contract)
    return found


_KNOWN: dict[type[Contract], tuple[Member, ...]] = {}


def value_of(hint: Any) -> Value:
    """Return what an annotation declares."""
    if get_origin(hint) is tuple:
        return Value(get_args(hint)[0], many=True)
    if NoneType in get_args(hint):
        return Value(next(each for each in get_args(hint) if each is not NoneType), optional=True)
    return Value(hint)


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
