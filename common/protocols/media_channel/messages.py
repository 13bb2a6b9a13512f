"""The messages of the media channel, and their JSON text (FORMAT.md).

Whatever a peer sends is a message or a ProtocolError that says what is wrong with it.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, NoReturn, cast, get_args

from common.foundation.errors import ProtocolError
from common.protocols.media_channel import fields
from common.protocols.media_channel.client_messages import (
    MOST_SEQUENCES,
    Authenticate,
    ClientMessage,
    GapsQuery,
    Pause,
    Position,
    Probe,
    Record,
    Resume,
    Seek,
    SequencesQuery,
    Speed,
    Step,
    Subscribe,
    TimelineQuery,
    Unsubscribe,
)
from common.protocols.media_channel.deletion_messages import DeletionConfirm
from common.protocols.media_channel.export_messages import (
    ExportControl,
    ExportCreate,
    ExportEstimated,
    ExportList,
    Exports,
)
from common.protocols.media_channel.lock_messages import (
    LockChange,
    LockCreate,
    LockList,
    LockRemove,
    Locks,
)
from common.protocols.media_channel.server_messages import (
    Done,
    Dropped,
    Edge,
    Error,
    Gap,
    Gaps,
    Hello,
    Probed,
    ProbedAudio,
    ProbedVideo,
    Sequences,
    ServerMessage,
    State,
    Subscribed,
    Timeline,
    TimelineTrack,
)

__all__ = [
    "MOST_SEQUENCES",
    "Authenticate",
    "ClientMessage",
    "DeletionConfirm",
    "Done",
    "Dropped",
    "Edge",
    "Error",
    "ExportControl",
    "ExportCreate",
    "ExportEstimated",
    "ExportList",
    "Exports",
    "Gap",
    "Gaps",
    "GapsQuery",
    "Hello",
    "LockChange",
    "LockCreate",
    "LockList",
    "LockRemove",
    "Locks",
    "Message",
    "Pause",
    "Position",
    "Probe",
    "Probed",
    "ProbedAudio",
    "ProbedVideo",
    "Record",
    "Resume",
    "Seek",
    "Sequences",
    "SequencesQuery",
    "ServerMessage",
    "Speed",
    "State",
    "Step",
    "Subscribe",
    "Subscribed",
    "Timeline",
    "TimelineQuery",
    "TimelineTrack",
    "Unsubscribe",
    "decode_client",
    "decode_server",
    "encode",
]

Message = ClientMessage | ServerMessage

VERSION = 1
SUBPROTOCOL = "vedette.media.v1"
PATH = "/media"
MOST_SUBSCRIPTIONS = 256  # on one connection

MOST_CLIENT_BYTES = 64 * 1024
MOST_SERVER_BYTES = 2 * 1024 * 1024  # 10 000 spans, or a JPEG in base64


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    wire: str
    reader: fields.Reader
    default: object  # MISSING when the field must be there


def _fields(message: type[Any]) -> tuple[_Field, ...]:
    return tuple(
        _Field(f.name, f.metadata["wire"] or f.name, f.metadata["reader"], f.default)
        for f in dataclasses.fields(message)
    )


_CLIENT_OPS: Mapping[str, type] = {message.op: message for message in get_args(ClientMessage)}
_SERVER_OPS: Mapping[str, type] = {message.op: message for message in get_args(ServerMessage)}
_FIELDS = {message: _fields(message) for message in (*_CLIENT_OPS.values(), *_SERVER_OPS.values())}


def encode(message: Message) -> str:
    """Write a message as JSON text; fields that hold their default are left out."""
    wire: dict[str, object] = {"op": message.op}
    for f in _FIELDS[type(message)]:
        value = getattr(message, f.name)
        if f.default is dataclasses.MISSING or value != f.default:
            wire[f.wire] = _on_the_wire(value)
    return json.dumps(wire, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _on_the_wire(value: object) -> object:
    if isinstance(value, ProbedVideo | ProbedAudio | TimelineTrack):
        return value.wire()
    return [_on_the_wire(item) for item in value] if isinstance(value, tuple) else value


def decode_client(text: str | bytes) -> ClientMessage:
    """Read what a client sent (at most 64 KiB). Raises ProtocolError that says what is wrong with it."""
    return cast(ClientMessage, _decode(text, _CLIENT_OPS, MOST_CLIENT_BYTES))


def decode_server(text: str | bytes) -> ServerMessage:
    """Read what a recorder sent (at most 2 MiB). Raises ProtocolError that says what is wrong with it."""
    return cast(ServerMessage, _decode(text, _SERVER_OPS, MOST_SERVER_BYTES))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _decode(text: str | bytes, ops: Mapping[str, type], most_bytes: int) -> Any:
    if len(text) > most_bytes:
        raise ProtocolError(f"message of more than {most_bytes} bytes")
    try:
        source = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as wrong:  # UnicodeDecodeError is a ValueError
        raise ProtocolError(f"message is not JSON: {str(wrong)[:80]}") from None
    if not isinstance(source, dict):
        raise ProtocolError("message is not a JSON object")
    op = source.get("op")
    if not isinstance(op, str):
        raise ProtocolError("message has no 'op'")
    message = ops.get(op)
    if message is None:
        raise ProtocolError(f"unknown op {op[:32]!r}")
    values: dict[str, object] = {}
    for f in _FIELDS[message]:
        if f.wire in source or f.default is dataclasses.MISSING:
            values[f.name] = fields.read_field(source, f.wire, f.reader, op)
    return message(**values)
