"""Who calls, and whether they may."""

import logging

from starlette.requests import Request

from common.foundation.errors import NotPermitted, NotSignedIn
from common.net.tokens import ADMINISTRATORS, OPERATORS, RECORDERS, Principal
from server.management.services import Services

audit = logging.getLogger("server.management.audit")


_FOR_ADMINISTRATORS = frozenset({"basicUsers", "roles", "claims", "directories", "loginProviders", "registeredClaims"})


async def caller(services: Services, request: Request) -> Principal:
    """Return who sends a request; raise NotSignedIn."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("there is no bearer token")
    return await principal_of(services, token.strip())


async def principal_of(services: Services, token: str) -> Principal:
    """Return who a token speaks for, with the roles held now; raise NotSignedIn."""
    return await services.database_pool.run(_principal, services, token)


def _principal(services: Services, token: str) -> Principal:
    with services.database.read() as session:
        return services.sessions.principal(session, token)


def need_reader(principal: Principal, resource: str) -> None:
    """Operators and administrators read; who may sign in is for administrators."""
    if not may_read(principal, resource):
        _refuse(principal, f"read {resource}")


def may_read(principal: Principal, resource: str) -> bool:
    """Return whether a user may know of items of a kind."""
    allowed = {ADMINISTRATORS} if resource in _FOR_ADMINISTRATORS else {ADMINISTRATORS, OPERATORS}
    return bool(allowed & principal.roles)


def need_administrator(principal: Principal, what: str) -> None:
    if not principal.is_administrator:
        _refuse(principal, what)


def need_recorder(principal: Principal, recorder_id: str) -> None:
    """Only the recorder itself, with its own token."""
    if RECORDERS not in principal.roles or principal.user_id != recorder_id.lower():
        _refuse(principal, f"act as recorder {recorder_id}")


def _refuse(principal: Principal, what: str) -> None:
    audit.warning("refused", extra={"user": principal.name, "user_id": principal.user_id, "what": what})
    raise NotPermitted("")
