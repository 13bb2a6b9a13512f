"""Encrypted connections to a directory's servers: LDAPS or StartTLS (RFC 4513), certificates always checked.

Blocking; to be used from a pool of its own. Nothing is sent before TLS stands, and referrals are not followed: a
password goes to the servers that were configured and to no other.
"""

import contextlib
import math
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException

from common.model.identity import Directory
from server.management.identity.refusals import DirectoryUnavailable

LDAP_PORT, LDAPS_PORT = 389, 636


@dataclass(frozen=True, slots=True)
class DirectoryServer:
    """One server of a directory; `tls` False means StartTLS."""

    host: str
    port: int
    tls: bool


class _CheckedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """Has OpenSSL check chain and name, where ldap3 would do the latter by itself after the handshake."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context
        self._name = name

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=self._name, do_handshake_on_connect=do_handshake
        )


def server_of(url: str) -> DirectoryServer | None:
    """Read `ldaps://host[:port]` or `ldap://host[:port]`; None when it is neither."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.username or parts.path not in ("", "/"):
        return None
    return DirectoryServer(
        parts.hostname, port or (LDAPS_PORT if parts.scheme == "ldaps" else LDAP_PORT), parts.scheme == "ldaps"
    )


def trusted_context(ca_certificates: str) -> ssl.SSLContext:
    """Return what certificates are checked with; raise ValueError on PEM that is none."""
    context = ssl.create_default_context(cadata=ca_certificates or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class LdapServers:
    """Opens connections to the first server of a directory that answers."""

    def __init__(self, name: str, item: Directory, bind_password: str) -> None:
        self._name = name
        self._item = item
        self._bind_password = bind_password

    @contextlib.contextmanager
    def searching(self) -> Iterator[ldap3.Connection]:
        """A connection bound as the user that may read; raises DirectoryUnavailable."""
        with self._open() as connection:
            if not connection.rebind(user=self._item.bind_user, password=self._bind_password):
                raise self._down(f"it refused {self._item.bind_user}: {connection.result['description']}")
            yield connection

    def bind(self, dn: str, password: str) -> tuple[bool, str]:
        """Try a user's password; return whether it is right, and what the server said if not."""
        if not password:  # RFC 4513, 5.1.2: a bind with a name and no password is no sign-in
            return False, ""
        with self._open() as connection:
            right = bool(connection.rebind(user=dn, password=password))
            return right, "" if right else str(connection.result.get("message", ""))

    @contextlib.contextmanager
    def _open(self) -> Iterator[ldap3.Connection]:
        try:
            connection = self._connected()
        except (LDAPException, OSError, ssl.SSLError) as error:
            raise self._down(str(error)) from error
        try:
            yield connection
        except (LDAPException, OSError) as error:
            raise self._down(str(error)) from error
        finally:
            with contextlib.suppress(LDAPException, OSError):
                connection.unbind()

    def _connected(self) -> ldap3.Connection:
        try:
            context = trusted_context(self._item.ca_certificates)
        except (ValueError, ssl.SSLError) as error:
            raise self._down(f"its trusted authorities are no PEM: {error}") from error
        failures: list[str] = []
        for url in self._item.servers:
            at = server_of(url)
            if at is None:
                failures.append(f"{url} is no address")
                continue
            server = ldap3.Server(
                at.host,
                at.port,
                use_ssl=at.tls,
                tls=_CheckedTls(context, self._item.server_name or at.host),
                connect_timeout=self._item.timeout_seconds,
                get_info=ldap3.NONE,
            )
            connection = ldap3.Connection(
                server, auto_referrals=False, receive_timeout=math.ceil(self._item.timeout_seconds), read_only=True
            )
            try:
                # WORKAROUND(ldap3 2.9.1): it never closes the socket of a connection that was refused.
                socket.create_connection((at.host, at.port), self._item.timeout_seconds).close()
                connection.open(read_server_info=False)
                if not at.tls and not connection.start_tls(read_server_info=False):
                    raise OSError("StartTLS was refused")
            except (LDAPException, OSError) as error:
                failures.append(f"{url}: {error}")
                with contextlib.suppress(LDAPException, OSError):
                    connection.unbind()
            else:
                return connection
        raise self._down("; ".join(failures) or "no servers are configured")

    def _down(self, detail: str) -> DirectoryUnavailable:
        return DirectoryUnavailable(self._name, detail)
