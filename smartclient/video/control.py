"""What the GUI and its decoder processes say to each other: one JSON object a line over a Unix socket pair.

A message with `memory` true brings a descriptor of shared memory along (SCM_RIGHTS), in the order of the messages.
Both ends are ours and start together, so there is no version; a line that is no message is a bug and ends the worker.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from common.foundation.errors import ProtocolError

PLAYBACK_GROUP = 1
"""Tiles of recordings that play together by the master clock; others have a group, and a clock, of their own."""
MOST_LINE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recorders:
    """Where recorders answer (`wss://host:7563/media`, by id), and whose certificates to believe."""

    op: ClassVar = "recorders"
    uris: dict[str, str]
    ca_pem: str


@dataclass(frozen=True, slots=True)
class Token:
    """The access token to sign in with from now on."""

    op: ClassVar = "token"
    token: str

    def __repr__(self) -> str:
        return "Token(...)"


@dataclass(frozen=True, slots=True)
class OpenTile:
    """Show a device in the slot that comes along. Recorded from `at_us` on the clock of `group`, or live when that is
    None; live, a `track` of "" is the one that fits the tile's size."""

    op: ClassVar = "open"
    tile: int
    recorder: str
    device: str
    track: str
    width_px: int
    height_px: int
    at_us: int | None = None
    group: int = PLAYBACK_GROUP
    memory: bool = True


@dataclass(frozen=True, slots=True)
class ResizeTile:
    """The tile's box changed; a slot comes along when the old one is too small or much too large."""

    op: ClassVar = "resize"
    tile: int
    width_px: int
    height_px: int
    memory: bool = False


@dataclass(frozen=True, slots=True)
class ZoomTile:
    """Show a part of the picture only: its left and top edge and its size, in shares of the picture."""

    op: ClassVar = "zoom"
    tile: int
    left: float
    top: float
    size: float


@dataclass(frozen=True, slots=True)
class SelectTiles:
    """What the operator looks at: these are the last that are decoded less when it is too much."""

    op: ClassVar = "select"
    tiles: list[int]


@dataclass(frozen=True, slots=True)
class CloseTile:
    op: ClassVar = "close"
    tile: int


@dataclass(frozen=True, slots=True)
class Play:
    """A group's clock: at monotonic `anchor_us` the playhead stood at `at_us`, moving `speed` times as fast as time.
    `cause`: `seek`, `step+`, `step-`, `speed`, `pause`, `resume` or `follow` (re-anchored only)."""

    op: ClassVar = "play"
    generation: int
    anchor_us: int
    at_us: int
    speed: float
    paused: bool
    cause: str
    group: int = PLAYBACK_GROUP


@dataclass(frozen=True, slots=True)
class EndGroup:
    """Nothing plays by this group's clock any more."""

    op: ClassVar = "end_group"
    group: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Put a microphone's sound into the ring that comes along; recorded when `at_us` is not None."""

    op: ClassVar = "listen"
    recorder: str
    device: str
    at_us: int | None = None
    memory: bool = True


@dataclass(frozen=True, slots=True)
class StopListening:
    op: ClassVar = "stop_listening"


@dataclass(frozen=True, slots=True)
class AskSpans:
    """What is recorded of a device."""

    op: ClassVar = "ask_spans"
    id: int
    recorder: str
    device: str
    track: str
    from_us: int
    to_us: int
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class AskShares:
    """When devices of one recorder are recorded, as exactly as `buckets` equal parts of the time tell."""

    op: ClassVar = "ask_shares"
    id: int
    recorder: str
    devices: list[str]
    from_us: int
    to_us: int
    buckets: int


@dataclass(frozen=True, slots=True)
class AskThumbnail:
    """The keyframe that is shown at `at_us`, small. `to_us`: where a recording after a gap may begin at the latest."""

    op: ClassVar = "ask_thumbnail"
    id: int
    recorder: str
    device: str
    at_us: int
    to_us: int
    width_px: int


@dataclass(frozen=True, slots=True)
class Ready:
    op: ClassVar = "ready"


@dataclass(frozen=True, slots=True)
class Alive:
    """Said every second, so that a decoder that hangs is noticed."""

    op: ClassVar = "alive"


@dataclass(frozen=True, slots=True)
class TileState:
    """`connecting`, `live`, `lost`, `stopped`, `refused`, `broken` (cannot be decoded), `recorded`, `gap`, `edge`.

    `since_us` in the recorder's time. `to_us`: where recordings go on after a gap. `kind`: code of a refusal.
    """

    op: ClassVar = "state"
    tile: int
    state: str
    since_us: int = 0
    reason: str = ""
    to_us: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class TileQuality:
    """Which stream a live tile shows, its size, and how much of it is decoded (quality.Level)."""

    op: ClassVar = "quality"
    tile: int
    track: str
    width_px: int
    height_px: int
    level: int


@dataclass(frozen=True, slots=True)
class RecorderState:
    """`ahead_us`: the recorder's UTC minus our monotonic clock. `retry_us`: monotonic time of the next try."""

    op: ClassVar = "recorder"
    recorder: str
    connected: bool
    reason: str = ""
    retry_us: int = 0
    ahead_us: int = 0
    token_refused: bool = False


@dataclass(frozen=True, slots=True)
class Spans:
    """What is recorded, and what is not: `gaps` are [from, to, reason, detail], as the media channel tells them."""

    op: ClassVar = "spans"
    id: int
    spans: list[list[int]]
    error: str = ""
    gaps: list[list[Any]] = dataclasses.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shares:
    """When devices are recorded: spans that begin and end with a bucket, by device."""

    op: ClassVar = "shares"
    id: int
    spans: dict[str, list[list[int]]]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """`jpeg` in base64, empty when nothing is recorded there; `error`: it could not be found out."""

    op: ClassVar = "thumbnail"
    id: int
    at_us: int = 0
    jpeg: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """What the listened microphone does: `connecting`, `live`, `lost`, `refused`, ..., as TileState."""

    op: ClassVar = "sound"
    state: str
    reason: str = ""


ToWorker = (
    Recorders
    | Token
    | OpenTile
    | ResizeTile
    | ZoomTile
    | SelectTiles
    | CloseTile
    | Play
    | EndGroup
    | Listen
    | StopListening
    | AskSpans
    | AskShares
    | AskThumbnail
)
FromWorker = Ready | Alive | TileState | TileQuality | RecorderState | Spans | Shares | Thumbnail | Sound
_OPS: dict[str, type[Any]] = {kind.op: kind for kind in (*get_args(ToWorker), *get_args(FromWorker))}


def encode(message: ToWorker | FromWorker) -> bytes:
    """Write one line."""
    fields = {f.name: getattr(message, f.name) for f in dataclasses.fields(message)}
    return json.dumps({"op": message.op, **fields}, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages that `data` completes; raise ProtocolError on what is none."""
        self._pending += data
        *lines, rest = bytes(self._pending).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise ProtocolError("line without an end", peer="decoder process")
        self._pending = bytearray(rest)
        return [_decode(line) for line in lines]


def _decode(line: bytes) -> object:
    try:
        fields = json.loads(line)
        return _OPS[fields.pop("op")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise ProtocolError(f"no message: {wrong}", peer="decoder process") from None
