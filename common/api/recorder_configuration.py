"""What management tells a recorder to do: one document with a version, fetched, kept encrypted on the recorder's disk.

`GET /api/internal/v1/recorders/{id}/configuration?after=<version>&wait=<seconds>` answers 200 with this document as
soon as its version is above `after`, or 204 when `wait` (at most 30 s) has passed.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from common.foundation.ids import DeviceId, HardwareId, RecorderId


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedArchive(_Frozen):
    """A stage behind the recording database. What is older than the stage before keeps moves here, oldest first.

    `retain_minutes` is the total age of a recording, and not less than that of the stage before. `groom`: the frames
    that are kept: all, keyframes only, or at most `groom_fps` by leaving out pictures that no other refers to.
    """

    id: str
    name: str
    url: str  # folder, or an fsspec URL such as s3://bucket/folder
    options: dict[str, str] = {}  # of the file system: endpoint_url, key, secret, ...
    retain_minutes: int
    max_size_mb: int = 0  # 0: no limit
    at: tuple[str, ...] = ()  # local times HH:MM, or N HH:MM (N: ISO weekday), it runs at; none: every `every_minutes`
    every_minutes: int = 60
    groom: Literal["none", "keyframes", "fps"] = "none"
    groom_fps: float = 0.0


class RecordedStorage(_Frozen):
    """Where devices record: a recording database on a local disk, and the archives behind it, in their order."""

    id: str
    name: str
    path: str = ""  # empty: the recorder's own folder for recordings
    retain_minutes: int = 10_080
    max_size_mb: int = 0  # 0: no limit
    archives: tuple[RecordedArchive, ...] = ()
    encryption: Literal["None", "Light", "Strong"] = "None"
    keys: int = 1  # how many keys it has had; one more is one more to come
    password: str = ""  # opens the storage's keys where the recorder's own key is gone
    spill_to: str = ""  # id of the storage that takes over when this one fails or is too slow; empty: none
    signing: bool = False  # seals of recordings are signed with the recorder's key, in its archives too


class RecordedDevice(_Frozen):
    """A camera or microphone of a piece of hardware."""

    id: DeviceId
    name: str
    enabled: bool = True
    recording_enabled: bool = True
    prebuffer_seconds: int = 3
    prebuffer_in_memory: bool = True  # at most 15 s then; else on the disk of its storage
    storage: str = ""  # id of a RecordedStorage; empty: the default one
    record_secondary: bool = False  # also record the second stream, as track `secondary`
    within: tuple[str, ...] = ()  # ids of what its permissions come from besides itself: hardware, groups


class RecordedHardware(_Frozen):
    """One device on the network: how to reach it, and what belongs to it."""

    id: HardwareId
    name: str
    enabled: bool = True
    url: str  # as DeviceAddress.url, without user and password
    sub_url: str = ""
    user: str = ""
    password: str = ""
    transport: str = "auto"
    camera: RecordedDevice
    microphone: RecordedDevice | None = None
    metadata: RecordedDevice | None = None  # what the device says of its pictures (ONVIF metadata stream)

    @property
    def devices(self) -> tuple[RecordedDevice, ...]:
        """What it has: the camera first."""
        return tuple(device for device in (self.camera, self.microphone, self.metadata) if device is not None)


class RecordedGrant(_Frozen):
    """What a role may and may not do, as in `common.model.permissions`."""

    role: str  # its name in tokens
    namespace: str
    item: str  # empty: all items of the namespace
    allow: int = 0
    deny: int = 0
    profile: str = ""  # id of a time profile; empty: always


class RecordedTimeProfile(_Frozen):
    """A time profile that grants name: its properties as `common.model.rules.TimeProfile` has them on the wire."""

    id: str
    properties: dict[str, Any]


class RecorderConfiguration(_Frozen):
    """All that one recorder records, where, and whose tokens it believes."""

    version: int
    recorder: RecorderId
    name: str
    hardware: tuple[RecordedHardware, ...] = ()
    storages: tuple[RecordedStorage, ...] = ()  # the first is the default one
    retain_minutes: int = 10_080
    jwks: str  # JSON Web Key Set (RFC 7517) that access tokens are checked with
    issuer: str
    revoked: tuple[str, ...] = ()  # `jti` of access tokens revoked before they expire
    time_profiles: tuple[RecordedTimeProfile, ...] = ()
    time_zone: str = ""  # the site's, in the IANA database; empty: the recorder's own
    grants: tuple[RecordedGrant, ...] | None = None  # None: from before there were permissions
