"""Servers that stand in for recording servers, and how live pictures are sent to many at once."""

from typing import Annotated, ClassVar

from pydantic import Field

from common.model.item import Enabled, Item, Kind, NamedItem, Shown, Text

Port = Annotated[int, Field(ge=0, le=65_535)]


class FailoverGroup(NamedItem):
    """Failover servers, asked in their order."""

    kind: ClassVar = Kind(
        "failoverGroups", parents=("sites",), node="Servers/Failover servers", creatable=True, deletable=True
    )


class FailoverRecorder(NamedItem):
    """A server that records for another one which is down."""

    kind: ClassVar = Kind("failoverRecorders", parents=("failoverGroups", "sites"), node="Servers/Failover servers")
    enabled: Enabled = True
    active: Annotated[bool, Shown("Stands in now", read_only=True)] = False
    host_name: Annotated[Text, Shown("Address", "Network", read_only=True)] = ""
    port_number: Annotated[Port, Shown("Port", "Network", read_only=True)] = 0
    udp_port: Annotated[Port, Shown("Port between failover servers", "Network")] = 8844
    web_server_uri: Annotated[Text, Shown("Web server", "Network", read_only=True)] = ""
    position: Annotated[int, Shown("Place in the group", read_only=True)] = 0
    database_path: Annotated[Text, Shown("Path", "Storage")] = ""


class RecordingServerFailover(Item):
    """Who stands in for a recording server."""

    kind: ClassVar = Kind("recordingServerFailovers", parents=("recordingServers",), single=True)
    failover_port: Annotated[Port, Shown("Port for alive messages", "Failover")] = 11_000
    hot_standby: Annotated[Text, Shown("Hot standby", "Failover", help="FailoverRecorder[<id>]; empty: none")] = ""
    primary_failover_group: Annotated[Text, Shown("First group", "Failover", help="FailoverGroup[<id>]")] = ""
    secondary_failover_group: Annotated[Text, Shown("Second group", "Failover", help="FailoverGroup[<id>]")] = ""


class RecordingServerMulticast(Item):
    """How a recording server sends live pictures by multicast."""

    kind: ClassVar = Kind("recordingServerMulticasts", parents=("recordingServers",), single=True)
    enabled: Enabled = False
    i_p_address_start: Annotated[Text, Shown("First address", "Multicast")] = "232.0.1.0"
    i_p_address_end: Annotated[Text, Shown("Last address", "Multicast")] = "232.0.1.0"
    port_range_start: Annotated[Port, Shown("First port", "Multicast")] = 6000
    port_range_end: Annotated[Port, Shown("Last port", "Multicast")] = 7000
    m_t_u: Annotated[int, Field(alias="MTU", ge=512, le=65_535), Shown("Largest packet", "Multicast", unit="bytes")] = (
        1500
    )
    t_t_l: Annotated[int, Field(alias="TTL", ge=0, le=255), Shown("Hops", "Multicast")] = 32


class HardwareDriver(NamedItem):
    """A driver that recording servers have."""

    kind: ClassVar = Kind("hardwareDrivers", parents=("recordingServers", "sites"), changeable=False)
    number: Annotated[int, Shown("Number", read_only=True)] = 0
    group_name: Annotated[Text, Shown("Maker", read_only=True)] = ""
    driver_type: Annotated[Text, Shown("Type", read_only=True)] = "DevicePack"
    driver_version: Annotated[Text, Shown("Version", read_only=True)] = ""
    driver_revision: Annotated[Text, Shown("Revision", read_only=True)] = ""
    use_count: Annotated[int, Shown("In use", read_only=True)] = 0
