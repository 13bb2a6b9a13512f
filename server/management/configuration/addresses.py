"""What a person may type as a device's address, made into what the recorder dials."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from server.management.configuration.items import InvalidProperties

SCHEMES = ("rtsp", "rtsps", "http", "https")
_MOST_CHARS = 2048


@dataclass(frozen=True, slots=True)
class DialledAddress:
    """An address without user and password, and those two."""

    url: str
    user: str
    password: str
    suggested_name: str


def read_address(text: object, property_name: str) -> DialledAddress:
    """Take an address apart; raise InvalidProperties saying what is wrong and what would be right."""

    def wrong(why: str) -> InvalidProperties:
        return InvalidProperties({property_name: why})

    if not isinstance(text, str) or not text.strip():
        raise wrong("An address is required, such as rtsp://192.168.1.20/stream1.")
    text = text.strip()
    if len(text) > _MOST_CHARS or not text.isprintable() or " " in text:
        raise wrong(f"An address has at most {_MOST_CHARS} characters, without blanks.")
    scheme, colon, rest = text.partition(":")
    if scheme.lower() == "simulator" and colon:
        if not rest.strip("/"):
            raise wrong("A simulated camera needs a name, such as simulator:yard.")
        return DialledAddress(f"simulator:{rest.strip('/')}", "", "", rest.strip("/"))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise wrong("The address has a wrong port or host, write it like rtsp://192.168.1.20:554/stream1.") from error
    if parts.scheme.lower() not in SCHEMES or not text.lower().startswith(f"{parts.scheme.lower()}://"):
        raise wrong("The address must begin with rtsp://, rtsps://, http://, https:// or simulator:.")
    if not host:
        raise wrong("The address names no device, write it like rtsp://192.168.1.20/stream1.")
    if port == 0:
        raise wrong("Port 0 cannot be dialled.")
    in_url = f"[{host}]" if ":" in host else host
    netloc = in_url if port is None else f"{in_url}:{port}"
    url = urlunsplit((parts.scheme.lower(), netloc, parts.path, parts.query, ""))
    return DialledAddress(url, unquote(parts.username or ""), unquote(parts.password or ""), host)
