"""The first administrator and the demo's cameras, made through the public API; all of it blocks."""

import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from common.clients.management import ManagementClient
from common.clients.management_values import RecordingServer
from common.foundation.errors import NotSignedIn, ServerUnreachable, VmsError
from common.foundation.places import write_private

ADMINISTRATOR = "admin"
DEMO_CAMERAS = {
    "simulator:entrance": "Entrance",
    "simulator:car-park": "Car park",
    "simulator:loading-dock": "Loading dock",
    "simulator:reception": "Reception",
}


class PasswordFileUnusable(VmsError):
    """A file that should hold a password does not."""

    message_key = "error.password_file"


class DemoPasswordLost(VmsError):
    """A site with an administrator whose password the demo does not know."""

    message_key = "error.demo_password_lost"


def read_password(file: Path) -> str:
    """Return the first line of a password file. Raises PasswordFileUnusable."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as failed:
        raise PasswordFileUnusable(str(failed), path=str(file)) from failed
    if not lines or not lines[0].strip():
        raise PasswordFileUnusable("its first line is empty", path=str(file))
    return lines[0].strip()


def create_administrator(url: str, ca_pem: str, code: str, password: str) -> None:
    """Make the first administrator with the one-time set-up code."""
    with ManagementClient(url, ca_pem) as client:
        client.set_up(code, ADMINISTRATOR, password)


def demo_password_file(data: Path) -> Path:
    """Return where the demo keeps its administrator's password."""
    return data / "demo-admin-password"


def demo_password(data: Path, setup_code: str, url: str, ca_pem: str) -> str:
    """Return the demo administrator's password; makes both when `setup_code` says that there is none yet."""
    file = demo_password_file(data)
    if not setup_code:
        if not file.exists():
            raise DemoPasswordLost(f"{file} does not exist", path=str(data))
        return read_password(file)
    password = read_password(file) if file.exists() else secrets.token_urlsafe(12)
    write_private(file, password.encode() + b"\n")  # kept first: a password nobody knows would lock us out
    create_administrator(url, ca_pem, setup_code, password)
    return password


def add_demo_cameras(url: str, ca_pem: str, password: str, data: Path, timeout_s: float = 30.0) -> list[str]:
    """Add the demo's cameras that are not there yet; return the names of those added."""
    with ManagementClient(url, ca_pem) as client:
        try:
            client.sign_in(ADMINISTRATOR, password)
        except NotSignedIn as refused:
            raise DemoPasswordLost(str(refused), path=str(data)) from refused
        recorder = _first_recorder(client, timeout_s)
        missing = _missing(hardware.address for hardware in client.hardware())
        for address, name in missing.items():
            client.add_hardware(recorder.id, address, name=name)
        client.sign_out()
    return list(missing.values())


def _missing(present: Iterable[str]) -> dict[str, str]:
    known = set(present)
    return {address: name for address, name in DEMO_CAMERAS.items() if address not in known}


def _first_recorder(client: ManagementClient, timeout_s: float) -> RecordingServer:
    give_up_at_s = time.monotonic() + timeout_s
    while True:
        recorders = client.recording_servers()
        if recorders:
            return recorders[0]
        if time.monotonic() >= give_up_at_s:
            raise ServerUnreachable("no recording server has joined the site", server=client.base_url)
        time.sleep(0.2)
