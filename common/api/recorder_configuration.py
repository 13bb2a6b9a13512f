"""What management tells a recorder to do: one document with a version, fetched, kept encrypted on the recorder's disk.

`GET /api/internal/v1/recorders/{id}/configuration?after=<version>&wait=<seconds>` answers 200 with this document as
soon as its version is above `after`, or 204 when `wait` (at most 30 s) has passed.
"""

from pydantic import BaseModel, ConfigDict

from common.foundation.ids import DeviceId, HardwareId, RecorderId


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedDevice(_Frozen):
    """A camera or microphone of a piece of hardware."""

    id: DeviceId
    name: str
    enabled: bool = True
    recording_enabled: bool = True
    prebuffer_seconds: int = 3


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


class RecorderConfiguration(_Frozen):
    """All that one recorder records, where, and whose tokens it believes."""

    version: int
    recorder: RecorderId
    name: str
    hardware: tuple[RecordedHardware, ...] = ()
    retain_minutes: int = 10_080
    jwks: str  # JSON Web Key Set (RFC 7517) that access tokens are checked with
    issuer: str
    revoked: tuple[str, ...] = ()  # `jti` of access tokens revoked before they expire
