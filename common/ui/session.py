"""Who is signed in where, and how a client signs in without a dialog (scripts, tests, the demo)."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from common.api.programs import ANY_PROGRAM
from common.clients.management import ManagementClient
from common.foundation.errors import SettingsError
from common.ui.remembered import Remembered, normal_server_url


@dataclass(frozen=True, slots=True)
class Session:
    """A user signed in to a site."""

    client: ManagementClient
    ca_pem: str
    server_url: str  # as "https://host:8443"
    user: str
    recovery_codes: tuple[str, ...] = ()  # of an authenticator app that was set up while signing in


def add_sign_in_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--server --user --password-file --ca-file` to a client's command line."""
    parser.add_argument("--server", metavar="URL", help="management server, for example https://vms.example:8443")
    parser.add_argument("--user", metavar="NAME", help="user to sign in as")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file whose first line is the password")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="certificate authority of the server (PEM)")


def sign_in_from_arguments(
    server: str, user: str, password_file: Path, ca_file: Path | None, remembered: Remembered | None = None
) -> Session:
    """Sign in with a password from a file; blocks until the server answered.

    Without `ca_file` the authority that was trusted at an earlier sign-in on this machine is used. Raises SettingsError
    when a file cannot be used or the server is not trusted yet, and what `ManagementClient.sign_in` raises.
    """
    server_url = normal_server_url(server)
    password = _read(password_file).splitlines()[0:1]
    if not password:
        raise SettingsError(f"password file {password_file} is empty")
    if ca_file is not None:
        ca_pem = _read(ca_file)
    else:
        pinned = (remembered or Remembered.of_this_user()).authority(server_url)
        if pinned is None:
            said = f"{server_url} was not trusted on this computer yet; name its certificate authority with --ca-file"
            raise SettingsError(said)
        ca_pem = pinned
    client = ManagementClient(server_url, ca_pem, client_id=client_id())
    client.sign_in(user, password[0])
    return Session(client, ca_pem, server_url, user)


_client_id = [ANY_PROGRAM]


def be_client(identifier: str) -> None:
    """Say which of our programs this is, as the management server knows it: a role may let in some of them only."""
    _client_id[0] = identifier


def client_id() -> str:
    """Return which program this is; from any thread."""
    return _client_id[0]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise SettingsError(said) from error
