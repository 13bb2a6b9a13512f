"""A user's own account (`/api/internal/v1/account`): whether it has a second factor, and setting one up by itself."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.net.tokens import Principal
from server.management.api.answers import read_object
from server.management.api.callers import caller
from server.management.configuration.items import InvalidProperties
from server.management.identity.first_factor import Recognised
from server.management.identity.refusals import GrantRefused
from server.management.identity.totp import as_text, enrolment_uri
from server.management.services import Services

_NO_STORE = {"Cache-Control": "no-store"}


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/internal/v1/account")
    run = services.database_pool.run

    @routes.get("")
    async def account(request: Request) -> Response:
        who = await caller(services, request)
        return JSONResponse({"data": await run(_shown, services, who)}, headers=_NO_STORE)

    @routes.post("/second-factor")
    async def begin(request: Request) -> Response:
        who = await caller(services, request)
        body = await read_object(request)
        # A stolen token shall not be enough to lock its owner out.
        address = request.client.host if request.client else ""
        proven = await services.first_factor.check(who.name, str(body.get("password", "")), address)
        if proven.user_id != who.user_id:
            raise InvalidProperties({"password": "The password is wrong."})
        return JSONResponse({"data": await run(_begin, services, who)}, HTTPStatus.CREATED, _NO_STORE)

    @routes.post("/second-factor/confirm")
    async def confirm(request: Request) -> Response:
        who, code = await caller(services, request), await _code(request)
        codes = await run(_confirm, services, who, code)
        if codes is None:
            raise _wrong(services, who, request)
        return JSONResponse({"data": {"recoveryCodes": codes}}, headers=_NO_STORE)

    @routes.post("/second-factor/recovery-codes")
    async def recovery_codes(request: Request) -> Response:
        who, code = await caller(services, request), await _code(request)
        codes = await run(_new_codes, services, who, code)
        if codes is None:
            raise _wrong(services, who, request)
        return JSONResponse({"data": {"recoveryCodes": codes}}, headers=_NO_STORE)

    @routes.post("/second-factor/remove")
    async def remove(request: Request) -> Response:
        who, code = await caller(services, request), await _code(request)
        if not await run(_remove, services, who, code):
            raise _wrong(services, who, request)
        return JSONResponse({"result": {"state": "Success"}})

    return routes


async def _code(request: Request) -> str:
    code = (await read_object(request)).get("otp")
    if not isinstance(code, str) or not code:
        raise InvalidProperties({"otp": "A code is required."})
    return code


def _wrong(services: Services, who: Principal, request: Request) -> GrantRefused:
    address = request.client.host if request.client else ""
    return services.first_factor.failed_code(Recognised(who.user_id, who.name), address)


def _shown(services: Services, who: Principal) -> dict[str, Any]:
    with services.database.read() as session:
        return {
            "id": who.user_id,
            "name": who.name,
            "roles": [role.item.name for role in services.subjects.roles(session, who.user_id)],
            "secondFactor": services.second_factors.is_set_up(session, who.user_id),
            "secondFactorRequired": services.subjects.demands(session, who.user_id).second_factor,
            "recoveryCodesLeft": services.second_factors.recovery_codes_left(session, who.user_id),
        }


def _begin(services: Services, who: Principal) -> dict[str, str]:
    with services.database.write() as session:
        if services.second_factors.is_set_up(session, who.user_id):
            raise InvalidProperties({"": "An authenticator app is set up already. Remove it first."})
        secret = services.second_factors.begin(session, who.user_id)
    return {"secret": as_text(secret), "otpauthUri": enrolment_uri(secret, who.name, services.site_name)}


def _confirm(services: Services, who: Principal, code: str) -> tuple[str, ...] | None:
    with services.database.write() as session:
        return services.second_factors.confirm(session, who.user_id, code, services.clock.now_us() / 1e6)


def _new_codes(services: Services, who: Principal, code: str) -> tuple[str, ...] | None:
    with services.database.write() as session:
        if not services.second_factors.use(session, who.user_id, code, services.clock.now_us() / 1e6):
            return None
        return services.second_factors.new_recovery_codes(session, who.user_id)


def _remove(services: Services, who: Principal, code: str) -> bool:
    with services.database.write() as session:
        if services.subjects.demands(session, who.user_id).second_factor:
            raise InvalidProperties({"": "A role of yours requires the authenticator app."})
        if not services.second_factors.use(session, who.user_id, code, services.clock.now_us() / 1e6):
            return False
        services.second_factors.remove(session, who.user_id)
        return True
