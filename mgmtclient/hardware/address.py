"""What is typed as a camera's address, checked and taken apart."""

from urllib.parse import unquote, urlsplit, urlunsplit

from common.foundation.errors import VmsError
from mgmtclient.hardware.test_picture import CameraAddress

SCHEMES = ("rtsp", "rtsps", "http", "https", "simulator")


class BadAddress(VmsError):
    """The text names no camera."""

    message_key = "mgmt.error_address"


def camera_address(typed: str, user: str, password: str, transport: str) -> CameraAddress:
    """Read an address; user and password inside it count unless they are given beside it. Raises BadAddress.

    A host name alone is taken as `rtsp://host/`.
    """
    said = typed.strip()
    if said and "://" not in said and not said.startswith("simulator:"):
        said = f"rtsp://{said}"
    try:
        parts = urlsplit(said)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise BadAddress(said, address=typed.strip()) from None
    if parts.scheme == "simulator":
        if not parts.path.strip("/") and not parts.netloc:
            raise BadAddress(said, address=typed.strip())
        return CameraAddress(said, user, password, transport)
    if parts.scheme not in SCHEMES or not host or any(c.isspace() for c in said):
        raise BadAddress(said, address=typed.strip())
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return CameraAddress(
        bare, user or unquote(parts.username or ""), password or unquote(parts.password or ""), transport
    )
