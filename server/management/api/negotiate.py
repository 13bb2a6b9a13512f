"""The grant `windows_credentials`: a Kerberos ticket in `Authorization: Negotiate` (RFC 4559) instead of a password."""

import base64
import binascii
import logging
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.management.api.forms import typed_from
from server.management.identity.directories import KnownDirectory
from server.management.identity.ldap_names import taken_apart
from server.management.identity.refusals import GrantRefused, wrong_credentials
from server.management.identity.sign_in import Proven
from server.management.identity.tickets import MOST_TOKEN_BYTES, Ticket
from server.management.services import Services

audit = logging.getLogger("server.management.audit")


def challenge() -> Response:
    """Ask for a ticket."""
    body = {"error": "invalid_request", "error_description": "negotiate_required", "error_code": "InvalidRequest"}
    return JSONResponse(body, 401, {"WWW-Authenticate": "Negotiate", "Cache-Control": "no-store"})


def token_in(request: Request) -> bytes | None:
    """Return the ticket that came with a request, None when there is none; raise GrantRefused."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "negotiate" or not text.strip():
        return None
    try:
        token = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong_credentials() from error
    if not token or len(token) > MOST_TOKEN_BYTES:
        raise wrong_credentials()
    return token


async def check_ticket(
    services: Services, request: Request, form: dict[str, str], token: bytes
) -> tuple[Proven, Ticket]:
    """Return who a ticket is of, once all else that the account asks for is there; raise GrantRefused."""
    if services.tickets is None or request.scope["path"].startswith("/api/"):
        # Proxies in front of the gateway break the tie between ticket and connection.
        raise GrantRefused("unsupported_grant_type", "unsupported_grant_type windows_credentials", "InvalidRequest")
    ticket = await services.directory_pool.run(services.tickets.check, token)
    directory = await services.database_pool.run(_directory_of, services, ticket.principal)
    if directory is None:
        audit.warning("sign-in refused", extra={"user": ticket.principal, "reason": "no directory of this realm"})
        raise wrong_credentials()
    found = await services.directories.vouched(directory, taken_apart(ticket.principal))
    user = await services.first_factor.vouched(directory, found)
    typed = replace(typed_from(form, request), name=user.name, password="")
    return await services.sign_in.complete(user, typed), ticket


def _directory_of(services: Services, principal: str) -> KnownDirectory | None:
    with services.database.read() as session:
        return services.directories.of_name(session, principal)
