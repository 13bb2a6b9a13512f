"""What is told about the site, its servers and whoever asks."""

from dataclasses import dataclass

from common.foundation.clock import UtcUs
from server.management.soap.contracts import Contract, Guid, Long, named


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDuration(Contract):
    """A length of time."""

    micro_seconds: Long


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginInfo(Contract):
    """A token and how long it is good."""

    registration_time: UtcUs
    time_to_live: TimeDuration
    time_to_live_limited: bool
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation(Contract):
    """Who asks."""

    name: str = named("name")
    sid: str = named("sid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductInfo(Contract):
    """What this is and which version."""

    build_configuration: str
    build_date: str
    build_number: int
    major_version: int
    minor_version: int
    product_code: str
    product_line: Guid
    product_name: str
    slc: str = named("SLC")
    service_version: int
    sub_product: str
    vendor_id: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Contract):
    """A server or hardware that has changed."""

    change_type: str
    id: Guid
    time: UtcUs


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartClientSecurity(Contract):
    """What a user may open in the Smart Client."""

    smart_client_browse: bool
    smart_client_live: bool
    smart_client_report: bool
    smart_client_setup: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSecurity(Contract):
    """What a user may open."""

    smart_client_security: SmartClientSecurity


@dataclass(frozen=True, slots=True, kw_only=True)
class BookmarkSettings(Contract):
    """How long a bookmark is that was made with one click."""

    default_post_time_sec: int
    default_pre_time_sec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMapping(Contract):
    """Two devices that belong together."""

    device_a: Guid
    device_b: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseData(Contract):
    """A licence; there are none."""

    data: str
    license_id: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixMonitorInfo(Contract):
    """A client that pictures can be sent to."""

    display_name: str
    matrix_monitor_id: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionOption(Contract):
    """One choice of how long evidence is locked."""

    retention_option_type: str
    retention_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings(Contract):
    """For how long evidence may be locked."""

    retention_options: tuple[RetentionOption, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOption(Contract):
    """A setting that clients ask for by name."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEventTypeInfo(Contract):
    """Something that can happen."""

    description: str
    event_source: str
    event_type_id: Guid
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedInfo(Contract):
    """What is told of things that this interface only lists: alert types and their groups, audio messages."""

    description: str
    id: Guid
    name: str
