"""The operations of the service: their parameters, their results, and what answers them."""

from collections.abc import Callable
from dataclasses import dataclass

from common.foundation.clock import UtcUs
from server.management.soap import session_operations, site_operations
from server.management.soap.asked import Asked, Proof
from server.management.soap.configuration_contracts import ConfigurationInfo
from server.management.soap.contracts import Guid, Value
from server.management.soap.device_contracts import DeviceDisabledInfo, HardwareInfo, PresetInfo, RecorderInfo
from server.management.soap.envelope import SoapFault
from server.management.soap.site_contracts import Change, LoginInfo, ProductInfo, UserInformation


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `result` None: it has none. `writes`: it changes something."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Value | None
    answer: Callable[[Asked], object]
    proof: Proof = Proof.TOKEN
    writes: bool = False


_TOKEN = Parameter("token", Value(str))
_INSTANCE = Parameter("instanceId", Value(Guid))
_CURRENT = Parameter("currentToken", Value(str))

OPERATIONS: tuple[Operation, ...] = (
    Operation("Login", (_INSTANCE, _CURRENT), Value(LoginInfo), session_operations.login, Proof.SIGN_IN, writes=True),
    Operation("Logout", (_INSTANCE, _CURRENT), None, session_operations.logout, Proof.NOTHING, writes=True),
    Operation("GetVersion", (), Value(int), session_operations.version, Proof.SIGN_IN),
    Operation("GetServerVersion", (), Value(str), session_operations.server_version, Proof.SIGN_IN),
    Operation("GetProductInfo", (), Value(ProductInfo), session_operations.product, Proof.SIGN_IN),
    Operation("IsOnline", (), Value(bool), session_operations.is_online, Proof.SIGN_IN),
    Operation("GetUserInfo", (_TOKEN,), Value(UserInformation), session_operations.user),
    Operation("GetConfiguration", (_TOKEN,), Value(ConfigurationInfo), site_operations.whole),
    Operation(
        "GetConfigurationRecorders",
        (_TOKEN, Parameter("recorderIds", Value(Guid, many=True))),
        Value(RecorderInfo, many=True),
        site_operations.recorders,
    ),
    Operation(
        "GetConfigurationHardware",
        (_TOKEN, Parameter("hardwareIds", Value(Guid, many=True))),
        Value(HardwareInfo, many=True),
        site_operations.hardware,
    ),
    Operation(
        "QueryRecorderInfo",
        (_TOKEN, Parameter("recorderId", Value(Guid))),
        Value(RecorderInfo),
        site_operations.recorder,
    ),
    Operation("GetDevicesDisabled", (_TOKEN,), Value(DeviceDisabledInfo, many=True), site_operations.disabled),
    Operation(
        "QueryChanges",
        (_TOKEN, Parameter("changesFrom", Value(UtcUs))),
        Value(Change, many=True),
        site_operations.changes,
    ),
    Operation(
        "GetPresets",
        (_TOKEN, Parameter("deviceId", Value(Guid))),
        Value(PresetInfo, many=True),
        site_operations.presets,
    ),
    Operation(
        "RegisterIntegration",
        (
            _TOKEN,
            _INSTANCE,
            Parameter("integrationId", Value(Guid)),
            Parameter("integrationVersion", Value(str)),
            Parameter("integrationName", Value(str)),
            Parameter("manufacturerName", Value(str)),
        ),
        None,
        session_operations.register_integration,
    ),
)


def operation_of(name: str) -> Operation:
    """Return an operation by its name; raise SoapFault."""
    for each in OPERATIONS:
        if each.name == name:
            return each
    raise SoapFault("ActionNotSupported", f"This server has no operation {name[:80]}.")
