"""The SOAP service by which older integrations sign in and read the configuration: `ServerCommandService`.

`/ManagementServer/ServerCommandService.svc` and `/ServerAPI/ServerCommandService.asmx` take user name and password with
each request, `ServerCommandServiceOAuth.svc` an access token. `Login` gives a VMS token, which the other operations
take as a parameter. It is the token that says who asks then: a password is looked at where it alone tells, since its
slow hash would cost a tenth of a second each time.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.foundation.errors import NotSignedIn, VmsError
from common.foundation.ids import UserId
from common.net.tokens import Principal
from server.management.api.answers import DATABASE_FAILED, read_body
from server.management.api.envelope import Envelope
from server.management.api.locks import lock_end
from server.management.api.soap_faults import MEDIA_TYPE, faulted, later, refused
from server.management.api.soap_sign_in import SignedIn, by_password, by_token
from server.management.configuration.items import Stored
from server.management.identity.refusals import DirectoryUnavailable, GrantRefused
from server.management.services import Services
from server.management.soap.asked import Asked, Proof
from server.management.soap.dialects import ASMX, SVC, Dialect
from server.management.soap.envelope import Call, read_call
from server.management.soap.operations import Operation, operation_of
from server.management.soap.wsdl import asmx_document, svc_document
from server.management.soap.xml_reader import MOST_BYTES
from server.management.soap.xml_writer import reply
from server.runtime.audit_trail import signed_in_as

log = logging.getLogger(__name__)

_BASIC = 'Basic realm="Vedette", charset="UTF-8"'
_NOBODY = Principal(UserId(""), "", frozenset(), 0, "")


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One address of the service. `bearer`: it takes access tokens; `tickets`: Kerberos tickets beside passwords."""

    path: str
    dialect: Dialect
    document: Callable[[str, str], str | None]
    bearer: bool = False
    tickets: bool = False


_ENDPOINTS = (
    _Endpoint("/ManagementServer/ServerCommandService.svc", SVC, svc_document),
    _Endpoint("/ManagementServer/ServerCommandServiceOAuth.svc", SVC, svc_document, bearer=True),
    _Endpoint("/ServerAPI/ServerCommandService.asmx", ASMX, asmx_document, tickets=True),
)


def router(services: Services) -> APIRouter:
    """Return the routes of all addresses."""
    routes = APIRouter()
    for endpoint in _ENDPOINTS:
        served = _Served(services, endpoint)
        routes.add_api_route(endpoint.path.lower(), served.describe, methods=["GET"])
        routes.add_api_route(endpoint.path.lower(), served.call, methods=["POST"])
    return routes


class _Served:
    """Answers at one address."""

    def __init__(self, services: Services, endpoint: _Endpoint) -> None:
        self._services = services
        self._endpoint = endpoint
        self._challenges = ["Bearer"] if endpoint.bearer else [_BASIC]
        if endpoint.tickets and services.tickets is not None:
            self._challenges.insert(0, "Negotiate")

    async def describe(self, request: Request) -> Response:
        """Answer with the description that the query asks for."""
        address = f"https://{request.url.netloc}{self._endpoint.path}"
        text = self._endpoint.document(request.url.query, address)
        if text is None:
            hint = f"This is a SOAP service. It is described at {address}?wsdl\n"
            return Response(hint, HTTPStatus.OK if not request.url.query else HTTPStatus.NOT_FOUND, {}, "text/plain")
        return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    async def call(self, request: Request) -> Response:
        """Answer one call."""
        if not request.headers.get("authorization"):
            return refused(self._challenges, "Sign in first.")
        try:
            body = await read_body(request, MOST_BYTES)
            call = read_call(body, request.headers.get("soapaction", ""))
            operation = operation_of(call.operation)
            signed_in = await self._signed_in(request, operation)
            text = await self._services.database_pool.run(self._answer, operation, call, signed_in, request)
        except DirectoryUnavailable as down:
            log.error("directory unavailable", extra={"cause": down.detail, **down.more})
            return later("The directory that this user belongs to does not answer. Try again.")
        except (GrantRefused, _Unknown) as error:
            return refused(self._challenges, str(error))
        except VmsError as error:
            return faulted(error)
        except SQLAlchemyError as error:
            log.error("configuration database failed", exc_info=error)
            return later(DATABASE_FAILED)
        return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    async def _signed_in(self, request: Request, operation: Operation) -> SignedIn | None:
        if self._endpoint.bearer:
            try:
                return await by_token(self._services, request)
            except NotSignedIn as error:
                raise _Unknown(str(error)) from error
        if operation.proof is Proof.SIGN_IN:
            return await by_password(self._services, request, tickets=self._endpoint.tickets)
        return None

    def _answer(self, operation: Operation, call: Call, signed_in: SignedIn | None, request: Request) -> bytes:
        services = self._services
        host = request.url.hostname or ""
        opened = services.database.write() if operation.writes else services.database.read()
        with opened as session:
            who = self._who(session, operation, call, signed_in)
            asked = Asked(
                call=call,
                who=who,
                session=session,
                session_id=signed_in.session_id if signed_in is not None else "",
                host=host,
                items=services.items,
                authority=services.authority,
                tokens=services.vms_tokens,
                site_id=services.site_id,
                address=lambda stored: _address(services, session, stored, host),
            )
            result = operation.answer(asked)
        return reply(operation.name, operation.result, result, self._endpoint.dialect)

    def _who(self, session: Session, operation: Operation, call: Call, signed_in: SignedIn | None) -> Principal:
        services = self._services
        match operation.proof:
            case Proof.TOKEN:
                who = services.vms_tokens.principal(session, call.text("token"))
                if signed_in is not None and signed_in.proven.user_id != who.user_id:
                    raise NotSignedIn("the two tokens of the call are of different users")
            case Proof.SIGN_IN:
                assert signed_in is not None, "asked for above"
                user = services.sessions.still_proven(session, signed_in.proven)
                who = Principal(UserId(user.id), user.name, services.subjects.role_names(session, user.id), 0, "")
            case _:
                return _NOBODY
        signed_in_as(who.name, str(who.user_id))
        return who


class _Unknown(VmsError):
    """The request's own access token does not count."""

    message_key = "error.not_signed_in"


def _address(services: Services, session: Session, stored: Stored[Any], host: str) -> str:
    """Return where a client that reached us as `host` reaches a recorder."""
    envelope = Envelope(session, services.items, services.statuses, lock_end=lock_end(services), viewer_host=host)
    return str(envelope.item(stored)["activeWebServerUri"])
