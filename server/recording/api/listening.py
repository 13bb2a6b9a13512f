"""Takes the recorder's port before anything else is started, so that a port in use is told at once and in words."""

import errno
import socket
import sys

from common.foundation.errors import SettingsError


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a TCP socket bound to `port` (0: any free one) of `host`, not listening yet. Raises SettingsError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as unknown:
        raise SettingsError(f"[recording] listen is '{host}', which is no address here: {unknown.strerror}") from None
    opened = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
    except OSError as failed:
        opened.close()
        if failed.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is used by another program; stop it, or set [recording] media_port to another port"
            ) from None
        if failed.errno == errno.EACCES:
            raise SettingsError(f"this user may not open port {port}; set [recording] media_port above 1023") from None
        raise SettingsError(f"cannot listen on {host} port {port}: {failed.strerror}") from None
    return opened
