"""Recording servers and where they keep recordings."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.model.archive_schedules import MOST_SCHEDULES, ArchiveSchedule
from common.model.item import Enabled, ItemPath, Kind, NamedItem, Shown, Text


class RecordingServer(NamedItem):
    """A server that records devices. It appears by enrolling, and reports its own address."""

    kind: ClassVar = Kind(
        "recordingServers",
        parents=("sites",),
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


class Storage(NamedItem):
    """Where a recording server keeps the recordings of its devices."""

    kind: ClassVar = Kind(
        "storages",
        parents=("recordingServers",),
        node="Servers/Recording servers",
        creatable=True,
        deletable=True,
        tasks=(
            "SetStorageAsDefault",
            "EnableEncryption",
            "DisableEncryption",
            "ChangeEncryptionMethod",
            "ChangeEncryptionKey",
            "ConfirmDeletion",
        ),
    )
    disk_path: Annotated[
        Text, Shown("Path", "Recording", help="Empty: the recorder's own folder for recordings.", read_only=True)
    ] = ""
    max_size: Annotated[int, Field(ge=0), Shown("Largest size", "Recording", unit="MB", help="0: no limit")] = 0
    retain_minutes: Annotated[int, Field(ge=1, le=365_000 * 1440), Shown("Retention", "Recording", unit="min")] = 10_080
    is_default: Annotated[bool, Shown("Default", "Recording", read_only=True)] = True
    spill_storage: Annotated[
        ItemPath | None,
        Shown("Spill to", "Recording", help="Storage that takes over while this one fails or is too slow."),
    ] = None
    encryption_method: Annotated[
        Literal["None", "Light", "Strong"],
        Shown("Encryption", "Protection", help="Light: only the pictures from which others are decoded."),
    ] = "None"
    encryption_password: Annotated[
        Text,
        Field(max_length=1024),
        Shown("Password", "Protection", secret=True, help="Opens the recordings where the recorder is lost."),
    ] = ""
    encryption_keys: Annotated[int, Field(ge=1), Shown("Keys so far", "Protection", read_only=True)] = 1
    signing: Annotated[bool, Shown("Digital signature", "Protection")] = False


class ArchiveStorage(NamedItem):
    """Where recordings of a storage move when they are older than the stage before keeps them."""

    kind: ClassVar = Kind(
        "archiveStorages", parents=("storages",), node="Servers/Recording servers", creatable=True, deletable=True
    )
    disk_path: Annotated[
        Text, Shown("Path", "Archiving", help="Folder, or an address such as s3://bucket/folder.", read_only=True)
    ] = ""
    max_size: Annotated[int, Field(ge=0), Shown("Largest size", "Archiving", unit="MB", help="0: no limit")] = 0
    retain_minutes: Annotated[
        int,
        Field(ge=1, le=365_000 * 1440),
        Shown("Retention", "Archiving", unit="min", help="Total age of a recording, from when it was made."),
    ] = 43_200
    archive_every_minutes: Annotated[int, Field(ge=1, le=10_080), Shown("Archive every", "Archiving", unit="min")] = 60
    framerate_reduction_enabled: Annotated[bool, Shown("Reduce the frame rate", "Archiving")] = False
    target_framerate: Annotated[float, Field(gt=0, le=240), Shown("Frame rate", "Archiving", unit="1/s")] = 5.0
    keyframes_only: Annotated[
        bool, Shown("Keyframes only", "Archiving", help="The smallest that can still be looked at.")
    ] = False
    archive_schedules: Annotated[
        tuple[ArchiveSchedule, ...],
        Field(max_length=MOST_SCHEDULES),
        Shown("Archive at", "Archiving", help="Times of day; without any, at the interval above."),
    ] = ()
    endpoint_url: Annotated[
        Text, Shown("Server", "Object store", help="Address of an S3 server other than Amazon's.")
    ] = ""
    region: Annotated[Text, Shown("Region", "Object store")] = ""
    access_key: Annotated[Text, Shown("Access key", "Object store")] = ""
    secret_key: Annotated[Text, Shown("Secret key", "Object store", secret=True)] = ""
