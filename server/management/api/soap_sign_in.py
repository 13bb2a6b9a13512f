"""Who sends a SOAP request, as its header `Authorization` says."""

from dataclasses import dataclass

from starlette.requests import Request

from common.foundation.errors import NotSignedIn
from server.management.api import negotiate
from server.management.api.callers import bearer
from server.management.database.tables import AccessTokenRow
from server.management.identity.refusals import wrong_credentials
from server.management.identity.sign_in import Proven, Typed
from server.management.services import Services
from server.management.soap.authorization import basic_credentials


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user that has proven itself; `session_id`: the session of its access token, "" where it has none."""

    proven: Proven
    session_id: str = ""


async def by_password(services: Services, request: Request, *, tickets: bool) -> SignedIn:
    """Return who a user name and password, or where `tickets` a Kerberos ticket, belong to; raise GrantRefused."""
    if tickets and services.tickets is not None:
        ticket = negotiate.token_in(request)
        if ticket is not None:
            proven, _ = await negotiate.check_ticket(services, request, {}, ticket)
            return SignedIn(proven)
    given = basic_credentials(request.headers.get("authorization", ""))
    if given is None:
        raise wrong_credentials()
    address = request.client.host if request.client else ""
    return SignedIn(await services.sign_in.check(Typed(*given, address=address)))


async def by_token(services: Services, request: Request) -> SignedIn:
    """Return whose access token a request holds; raise NotSignedIn."""
    return await services.database_pool.run(_of_token, services, bearer(request))


def _of_token(services: Services, token: str) -> SignedIn:
    with services.database.read() as session:
        principal = services.sessions.principal(session, token)
        row = session.get(AccessTokenRow, principal.jti)
        if row is None or services.subjects.by_id(session, principal.user_id) is None:
            raise NotSignedIn("the token is no user's")
        return SignedIn(Proven(principal.user_id, principal.name), row.session_id)
