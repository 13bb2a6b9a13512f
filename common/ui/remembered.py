"""What a client remembers between sign-ins: addresses, users, trusted authorities. Never a password.

One JSON file in the user's configuration folder, written whole and renamed, so a crash leaves the old one.
"""

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_config_path

from common.foundation.errors import SettingsError

log = logging.getLogger(__name__)

MOST_SERVERS = 20
DEFAULT_PORT = 8443


@dataclass(frozen=True, slots=True)
class RememberedServer:
    """A server somebody signed in to from this computer."""

    url: str
    name: str = ""
    user: str = ""
    ca_pem: str = ""


def normal_server_url(typed: str) -> str:
    """Complete what a person types ("vms", "vms:9443", "https://vms/") to "https://vms:8443".

    Raises SettingsError when no host can be read from it, or it is not HTTPS.
    """
    said = typed.strip()
    parts = None
    try:
        parts = urlsplit(said if "://" in said else f"https://{said}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts is None or not host or parts.scheme != "https" or " " in said or parts.username is not None:
        detail = f"'{said}' is no server address; write it like https://vms.example:{DEFAULT_PORT}"
        raise SettingsError(detail)
    if port is None:
        port = 443 if "://" in said else DEFAULT_PORT
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def ca_fingerprint(ca_pem: str) -> str:
    """Return a short name for pinned text, to tell two authorities apart in a log."""
    return hashlib.sha256(ca_pem.encode()).hexdigest()[:16]


class Remembered:
    """The remembered servers, newest first. Methods read and write the file: small, but not for a paint event."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of_this_user(cls) -> "Remembered":
        """Return the file that both desktop clients of this operating system user share."""
        return cls(user_config_path("vedette", appauthor=False) / "servers.json")

    def servers(self) -> tuple[RememberedServer, ...]:
        """Return what is remembered; a file that cannot be read counts as empty and is logged."""
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))["servers"]
            return tuple(
                RememberedServer(str(row["url"]), str(row["name"]), str(row["user"]), str(row["ca_pem"]))
                for row in rows[:MOST_SERVERS]
            )
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("remembered servers unreadable", extra={"path": str(self._file), "cause": str(error)})
            return ()

    def authority(self, url: str) -> str | None:
        """Return the certificate authority (PEM) that was trusted for `url`, if any."""
        return next((server.ca_pem for server in self.servers() if server.url == url and server.ca_pem), None)

    def remember(self, server: RememberedServer) -> None:
        """Put `server` first in the list, in place of what was known of its address. Raises SettingsError."""
        others = [known for known in self.servers() if known.url != server.url]
        self._write((server, *others))

    def forget(self, url: str) -> None:
        """Forget an address, its user and its trusted authority. Raises SettingsError when it cannot be written."""
        self._write(tuple(known for known in self.servers() if known.url != url))

    def _write(self, servers: tuple[RememberedServer, ...]) -> None:
        rows = [asdict(server) for server in servers[:MOST_SERVERS]]
        scratch = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps({"servers": rows}, indent=1), encoding="utf-8")
            os.replace(scratch, self._file)
        except OSError as error:
            said = f"{self._file} cannot be written: {error.strerror}"
            raise SettingsError(said) from error
