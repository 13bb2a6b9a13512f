"""Recording servers and where they keep recordings."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.model.item import Enabled, Item, Kind, Shown, Text


class RecordingServer(Item):
    """A server that records devices. It appears by enrolling, and reports its own address."""

    kind: ClassVar = Kind(
        "recordingServers",
        parent="sites",
        node="Servers/Recording servers",
        deletable=True,
        tasks=("AddHardware",),
    )
    enabled: Enabled = True
    host_name: Annotated[Text, Shown("Address", "Network", read_only=True)] = ""
    port_number: Annotated[int, Field(ge=0, le=65_535), Shown("Port", "Network", read_only=True)] = 7563
    time_zone_name: Annotated[Text, Shown("Time zone", read_only=True)] = ""
    version: Annotated[Text, Shown("Version", read_only=True)] = ""
    synchronization_time: Annotated[int, Shown("Clock synchronisation", read_only=True)] = -1
    public_access_enabled: Annotated[bool, Shown("Reached from outside", "Network")] = False
    public_webserver_host_name: Annotated[Text, Shown("Public address", "Network")] = ""
    public_webserver_port: Annotated[int, Field(ge=1, le=65_535), Shown("Public port", "Network")] = 7563
    multicast_server_address: Annotated[Text, Shown("Multicast address", "Network")] = "0.0.0.0"
    shutdown_on_storage_failure: Annotated[bool, Shown("Stop when the storage fails", "Storage")] = False


class Storage(Item):
    """Where a recording server keeps the recordings of its devices."""

    kind: ClassVar = Kind("storages", parent="recordingServers", node="Servers/Recording servers", changeable=False)
    disk_path: Annotated[Text, Shown("Path", "Recording", read_only=True)] = ""
    max_size: Annotated[int, Field(ge=0), Shown("Largest size", "Recording", unit="MB", help="0: no limit")] = 0
    retain_minutes: Annotated[int, Field(ge=1, le=365_000 * 1440), Shown("Retention", "Recording", unit="min")] = 10_080
    is_default: Annotated[bool, Shown("Default", "Recording", read_only=True)] = True
    encryption_method: Annotated[Literal["None", "Light", "Strong"], Shown("Encryption", "Protection")] = "None"
    signing: Annotated[bool, Shown("Digital signature", "Protection")] = False
