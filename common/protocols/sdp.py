"""Session descriptions as cameras send them (RFC 4566, RFC 8866), read leniently."""

from dataclasses import dataclass, field

from common.foundation.errors import ProtocolError

MOST_BYTES = 65_536
_MOST_MEDIA = 32
_STATIC = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1), 26: ("JPEG", 90_000, 1)}  # RFC 3551, section 6


@dataclass(slots=True)
class MediaDescription:
    """One `m=` section. `encoding` in upper case; `parameters` are those of `a=fmtp`, names in lower case."""

    kind: str
    payload_type: int
    protocol: str
    encoding: str = ""
    clock_hz: int = 0
    channels: int = 1
    control: str = ""
    direction: str = "sendrecv"
    frame_rate: float = 0.0
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class SessionDescription:
    """`control` of the session (empty when it has none) and its media."""

    control: str
    media: list[MediaDescription]


def parse_sdp(data: bytes) -> SessionDescription:
    """Read a description; raises ProtocolError when it is too large or has no media."""
    if len(data) > MOST_BYTES:
        raise ProtocolError("the session description is too long", peer="The camera")
    session = SessionDescription("", [])
    media: MediaDescription | None = None
    for line in data.decode("utf-8", "replace").splitlines():
        kind, equals, value = line.strip().partition("=")
        if not equals or len(kind) != 1:
            continue  # blank lines and garbage: cameras send both
        if kind == "m":
            if len(session.media) >= _MOST_MEDIA:
                raise ProtocolError("the session description has too many media", peer="The camera")
            media = _media(value)
            session.media.append(media)
        elif kind == "a":
            name, _, text = value.partition(":")
            if media is None:
                if name.strip().lower() == "control":
                    session.control = text.strip()
            else:
                _attribute(media, name.strip().lower(), text.strip())
    if not session.media:
        raise ProtocolError("the session description offers no stream", peer="The camera")
    return session


def _media(value: str) -> MediaDescription:
    parts = value.split()
    if len(parts) < 4:
        raise ProtocolError(f"the session description has a broken line 'm={value[:80]}'", peer="The camera")
    payload = _number(parts[3], 0, 127)
    media = MediaDescription(parts[0].lower(), -1 if payload is None else payload, parts[2])
    if media.payload_type in _STATIC:
        media.encoding, media.clock_hz, media.channels = _STATIC[media.payload_type]
    return media


def _attribute(media: MediaDescription, name: str, text: str) -> None:
    if name == "control":
        media.control = text
    elif name in ("sendonly", "recvonly", "inactive", "sendrecv"):
        media.direction = name
    elif name == "framerate":
        try:
            media.frame_rate = min(max(float(text), 0.0), 1000.0)
        except ValueError:
            media.frame_rate = 0.0
    elif name in ("rtpmap", "fmtp"):
        number, _, rest = text.partition(" ")
        if _number(number, 0, 127) != media.payload_type:
            return
        if name == "rtpmap":
            parts = rest.strip().split("/")
            media.encoding = parts[0].strip().upper()
            media.clock_hz = _number(parts[1], 1, 10_000_000) or 0 if len(parts) > 1 else 0
            media.channels = _number(parts[2], 1, 64) or 1 if len(parts) > 2 else 1
        else:
            for part in rest.split(";"):
                key, _, setting = part.strip().partition("=")
                if key and len(media.parameters) < 64:
                    media.parameters[key.strip().lower()] = setting.strip()


def _number(text: str, low: int, high: int) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    value = int(text)
    return value if low <= value <= high else None
