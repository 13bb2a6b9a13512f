"""How failures are told to a viewer: an error code for programs, and a sentence for people."""

from common.foundation.catalog import explain
from common.foundation.errors import DeviceError, NotPermitted, ProtocolError, StorageError, VmsError
from common.protocols.media_channel.messages import Error
from server.recording.api.devices import NoSuchTrack
from server.recording.exporting.errors import ExportRefused, NoRoom, NoSuchExport, TooManyExports
from server.recording.storages.evidence import LockWrong, NoSuchLock
from server.recording.storages.watching import NoSuchStorage, NothingHeld

_CODES: tuple[tuple[type[VmsError], str], ...] = (
    (NoSuchTrack, "not_found"),
    (NoSuchExport, "not_found"),
    (NoSuchLock, "not_found"),
    (NoSuchStorage, "not_found"),
    (NothingHeld, "not_found"),
    (LockWrong, "bad_request"),
    (NoRoom, "no_room"),
    (TooManyExports, "no_room"),
    (ExportRefused, "bad_request"),
    (NotPermitted, "not_permitted"),
    (StorageError, "storage"),
    (DeviceError, "device"),
    (ProtocolError, "bad_request"),
)


def subscription_error(error: VmsError, sub: int) -> Error:
    return Error(_code(error), explain(error)[:4096], sub=sub)


def request_error(error: VmsError, number: int) -> Error:
    return Error(_code(error), explain(error)[:4096], id=number)


def _code(error: VmsError) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), "recorder")
