"""Doors and number plates: what access control systems report, and lists of plates."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from common.model.item import Enabled, Kind, NamedItem, OpenItem, Shown, Text

Texts = Annotated[tuple[Text, ...], Field(max_length=10_000)]


class AccessControlSystem(NamedItem, OpenItem):
    """An access control system that is connected."""

    kind: ClassVar = Kind("accessControlSystems", parents=("sites",), node="Access control", changeable=False)
    enabled: Enabled = True


class AccessControlUnit(NamedItem):
    """A door, a reader or another part of an access control system."""

    kind: ClassVar = Kind(
        "accessControlUnits", parents=("accessControlSystems", "accessControlUnits"), changeable=False
    )
    unit_type: Annotated[Text, Shown("Type", read_only=True)] = ""


class AccessControlGroup(NamedItem):
    """Units of an access control system that belong together."""

    kind: ClassVar = Kind("accessControlGroups", parents=("accessControlSystems",), changeable=False)


class LprMatchList(NamedItem):
    """Number plates that are looked for."""

    kind: ClassVar = Kind("lprMatchLists", parents=("sites",), node="Number plates", creatable=True, deletable=True)
    custom_fields: Annotated[Texts, Shown("Columns")] = ()
    registration_numbers: Annotated[tuple[Any, ...], Field(max_length=100_000), Shown("Plates")] = ()
    trigger_event_list: Annotated[tuple[Any, ...], Field(max_length=1000), Shown("Cause")] = ()
