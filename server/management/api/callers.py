"""Who calls, and whether they may."""

import logging
from collections.abc import Sequence

from sqlalchemy.orm import Session
from starlette.requests import Request

from common.api.service_channel import Notice
from common.api.site_events import SiteEvent
from common.foundation.errors import NotPermitted, NotSignedIn
from common.model.kinds import BY_PLURAL
from common.model.permissions import SECURITY, Verb
from common.net.tokens import RECORDERS, Principal
from server.management.identity.authority import namespace_of
from server.management.services import Services
from server.runtime.audit_trail import signed_in_as

audit = logging.getLogger("server.management.audit")


async def caller(services: Services, request: Request) -> Principal:
    """Return who sends a request; raise NotSignedIn."""
    return await principal_of(services, bearer(request))


def bearer(request: Request) -> str:
    """Return the access token of a request; raise NotSignedIn."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("there is no bearer token")
    return token.strip()


async def principal_of(services: Services, token: str) -> Principal:
    """Return who a token speaks for, with the roles held now; raise NotSignedIn."""
    principal = await services.database_pool.run(_principal, services, token)
    signed_in_as(principal.name, str(principal.user_id))
    return principal


def _principal(services: Services, token: str) -> Principal:
    with services.database.read() as session:
        return services.sessions.principal(session, token)


async def may_know(services: Services, principal: Principal, notices: Sequence[Notice]) -> list[Notice]:
    """Return the notices that a user may be told, which are those of items that it may see."""
    if principal.is_administrator:
        return list(notices)

    def known() -> list[Notice]:
        with services.database.read() as session:
            return [each for each in notices if _may_know(services, session, principal, each)]

    return await services.database_pool.run(known)


def _may_know(services: Services, session: Session, principal: Principal, notice: Notice) -> bool:
    model = BY_PLURAL[notice.resource]
    if notice.change == "deleted":  # nobody can tell any more what it stood in; its id is no secret
        return namespace_of(model) is not SECURITY
    return services.authority.may(session, principal, Verb.READ, model, notice.id)


async def may_know_of(services: Services, principal: Principal, events: Sequence[SiteEvent]) -> list[SiteEvent]:
    """Return the events of items that there are and that a user may see."""

    def known() -> list[SiteEvent]:
        with services.database.read() as session:
            sources = {(event.source, event.source_id) for event in events}
            seen = {each for each in sources if _may_see(services, session, principal, *each)}
            return [event for event in events if (event.source, event.source_id) in seen]

    return await services.database_pool.run(known)


def _may_see(services: Services, session: Session, principal: Principal, resource: str, identifier: str) -> bool:
    there = services.authority.exists(session, identifier)
    return there and services.authority.may(session, principal, Verb.READ, BY_PLURAL[resource], identifier)


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
