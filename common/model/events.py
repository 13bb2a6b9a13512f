"""Events: those that the system knows, and those that a site makes up or takes in from elsewhere."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.model.item import UNSET_TIME, Enabled, ItemPath, Kind, NamedItem, Shown, Text

Texts = Annotated[tuple[Text, ...], Field(max_length=1000)]
_NODE = "Rules and events/Events"


class EventTypeGroup(NamedItem):
    """A family of event types."""

    kind: ClassVar = Kind("eventTypeGroups", parents=("sites",), node=_NODE, changeable=False)


class EventType(NamedItem):
    """Something that can happen."""

    kind: ClassVar = Kind("eventTypes", parents=("eventTypeGroups",), node=_NODE)
    generator_type: Annotated[Text, Shown("Made by", read_only=True)] = ""
    generator_subtype: Annotated[Text, Shown("Kind", read_only=True)] = ""
    generator_name: Annotated[Text, Shown("Maker", read_only=True)] = ""
    generator_i_d: Annotated[Text, Field(alias="generatorID"), Shown("Maker's id", read_only=True)] = ""
    generator_group_name: Annotated[Text, Shown("Maker's group", read_only=True)] = ""
    generator_group_id: Annotated[Text, Shown("Maker's group's id", read_only=True)] = ""
    occurs_globally: Annotated[bool, Shown("Without a device", read_only=True)] = False
    built_in: Annotated[bool, Shown("Built in", read_only=True)] = True
    counter_event_i_d: Annotated[Text, Field(alias="counterEventID"), Shown("Ended by", read_only=True)] = ""
    source_array: Annotated[Texts, Shown("Sources", read_only=True)] = ()
    source_filter_array: Annotated[Texts, Shown("Source filters", read_only=True)] = ()
    state_group_id: Annotated[Text, Shown("State group", read_only=True)] = ""
    state: Annotated[Text, Shown("State", read_only=True)] = ""


class StateGroup(NamedItem):
    """States of which a thing is in one at a time; events lead from one to another."""

    kind: ClassVar = Kind("stateGroups", parents=("sites",), node=_NODE, creatable=True, deletable=True)
    states: Annotated[Texts, Shown("States")] = ()


class UserDefinedEvent(NamedItem):
    """An event that users, rules and programs cause."""

    kind: ClassVar = Kind(
        "userDefinedEvents",
        parents=("sites",),
        node="Rules and events/User-defined events",
        creatable=True,
        deletable=True,
    )
    subtype: Annotated[Text, Shown("Kind", read_only=True)] = "UserDefined"
    created_date: Annotated[Text, Shown("Created", read_only=True)] = UNSET_TIME


class AnalyticsEvent(NamedItem):
    """An event that a program which understands pictures sends."""

    kind: ClassVar = Kind(
        "analyticsEvents",
        parents=("sites", "eventTypeGroups"),
        node="Rules and events/Analytics events",
        creatable=True,
        deletable=True,
    )
    source_array: Annotated[Texts, Shown("Sources", read_only=True)] = ()


class GenericEventDataSource(NamedItem):
    """A port where texts come in that generic events look at."""

    kind: ClassVar = Kind(
        "genericEventDataSources",
        parents=("sites",),
        node="Rules and events/Generic events",
        creatable=True,
        deletable=True,
    )
    enabled: Enabled = False
    data_source_port: Annotated[int, Field(ge=1, le=65_535), Shown("Port", "Network")] = 1234
    data_source_protocol: Annotated[Literal["Tcp", "Udp", "Both"], Shown("Protocol", "Network")] = "Both"
    data_source_address_family: Annotated[
        Literal["InterNetwork", "InterNetworkV6", "Both"], Shown("Address family", "Network")
    ] = "InterNetwork"
    data_source_separator: Annotated[
        Text, Field(pattern=r"^(\d{1,3}(,\d{1,3})*)?$"), Shown("Separator", "Text", help="Bytes, as in 13,10.")
    ] = ""
    data_source_encoding: Annotated[
        int, Field(ge=0, le=65_535), Shown("Code page", "Text", help="20127: ASCII, 65001: UTF-8")
    ] = 20_127
    data_source_echo: Annotated[Literal["None", "Statistics", "Full"], Shown("Answer", "Text")] = "Full"
    data_source_allowed: Annotated[
        Text, Shown("Allowed IPv4 addresses", "Network", help="Empty: only this machine")
    ] = ""
    data_source_allowed6: Annotated[
        Text, Shown("Allowed IPv6 addresses", "Network", help="Empty: only this machine")
    ] = ""
    data_source_log: Annotated[bool, Shown("Log what comes in", "Text")] = False


class GenericEvent(NamedItem):
    """A text that comes in and what it means."""

    kind: ClassVar = Kind(
        "genericEvents", parents=("sites",), node="Rules and events/Generic events", creatable=True, deletable=True
    )
    enabled: Enabled = True
    expression: Annotated[Text, Shown("Expression", "Text")] = ""
    expression_type: Annotated[
        int, Field(ge=0, le=2), Shown("Compare", "Text", help="0: contained, 1: the whole text, 2: regular expression")
    ] = 0
    priority: Annotated[int, Field(ge=0, le=999_999), Shown("Priority", "Text", help="0 comes first.")] = 1
    data_source: Annotated[
        ItemPath | Text | None, Shown("Data source", "Text", refers=("genericEventDataSources",))
    ] = None
    shadow_id: Annotated[Text, Shown("Id of its event", read_only=True)] = ""
