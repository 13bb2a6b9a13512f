"""Kerberos tickets (RFC 4559, 4178): who a browser or client on a domain's computer is, without a password.

Needs the optional package `gssapi` and a keytab of the service `HTTP/<name of this server>`.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from common.foundation.errors import SettingsError
from server.management.identity.refusals import GrantRefused, wrong_credentials

log = logging.getLogger(__name__)

MOST_TOKEN_BYTES = 48 * 1024  # tickets with the groups of a large domain are long
_KERBEROS = "1.2.840.113554.1.2.2"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who a ticket is of, `user@REALM`, and what to answer so that the client knows us too."""

    principal: str
    answer: bytes


class Tickets:
    """Checks tickets; blocking."""

    def __init__(self, keytab: Path) -> None:
        """Raise SettingsError when the keytab or the library is missing."""
        self._gssapi = _library()
        if not keytab.is_file():
            raise SettingsError(f"kerberos_keytab: there is no file {keytab}")
        self._store = {"keytab": f"FILE:{keytab}"}

    def check(self, token: bytes) -> Ticket:
        """Return who a token is of; raise GrantRefused."""
        try:
            credentials = self._gssapi.Credentials(usage="accept", store=self._store)
            context = self._gssapi.SecurityContext(creds=credentials, usage="accept")
            answer = context.step(token)
            if not context.complete:
                raise GrantRefused("invalid_grant", "ticket_needs_more_steps", "InvalidCredentials")
            principal, mechanism = str(context.initiator_name), context.mech.dotted_form
        except self._gssapi.exceptions.GSSError as error:
            log.warning("ticket refused", extra={"cause": str(error)})
            raise wrong_credentials() from error
        if mechanism != _KERBEROS or "/" in principal:  # a computer or service is no user
            log.warning("ticket refused", extra={"principal": principal, "mechanism": mechanism})
            raise wrong_credentials()
        return Ticket(principal, answer or b"")


def tickets_from(keytab: str) -> Tickets | None:
    """Return what checks tickets, None where the settings name no keytab; raise SettingsError."""
    return Tickets(Path(keytab)) if keytab else None


def _library() -> ModuleType:
    try:
        import gssapi
    except ImportError as error:
        raise SettingsError(
            "kerberos_keytab: signing in with tickets needs the package gssapi; install vedette[kerberos]"
        ) from error
    module: ModuleType = gssapi
    return module
