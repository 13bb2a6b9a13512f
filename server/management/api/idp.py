"""Identity: `/idp/connect/token` and what OpenID Connect clients look up beside it."""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.api.programs import PROGRAMS
from server.management.api import negotiate
from server.management.api.forms import read_form, typed_from
from server.management.api.version import SERVER_VERSION
from server.management.identity.authorization_codes import bad_code
from server.management.identity.refusals import GrantRefused, expired_session
from server.management.identity.sessions import Granted, Started
from server.management.identity.sign_in import Proven
from server.management.services import Services

PREFIXES = ("/idp", "/api/idp")
_GRANTS = ("password", "refresh_token", "authorization_code", "client_credentials")


def router(services: Services) -> APIRouter:
    """Return the routes below `/idp`."""
    routes = APIRouter()
    run = services.database_pool.run

    @routes.post("/connect/token")
    async def grant(request: Request) -> Response:
        form = await read_form(request)
        match form.get("grant_type", ""):
            case "password":
                _need_client(form)
                proven = await services.sign_in.check(typed_from(form, request))
                started = await run(_start, services, proven, form["client_id"])
                return token_answer(started.granted, recovery_codes=proven.recovery_codes)
            case "windows_credentials":
                _need_client(form)
                token = negotiate.token_in(request)
                if token is None:
                    return negotiate.challenge()
                proven, ticket = await negotiate.check_ticket(services, request, form, token)
                started = await run(_start, services, proven, form["client_id"])
                answer = token_answer(started.granted, recovery_codes=proven.recovery_codes)
                answer.headers["WWW-Authenticate"] = f"Negotiate {base64.b64encode(ticket.answer).decode()}"
                return answer
            case "authorization_code":
                redeemed = await run(_redeem, services, form)
                if redeemed is None:
                    raise bad_code()
                started, id_token = redeemed
                return token_answer(started.granted, id_token=id_token)
            case "refresh_token":
                await services.directory_watch.before_renewal(form.get("refresh_token", ""))
                granted = await run(_grant_refresh, services, form.get("refresh_token", ""))
                if granted is None:
                    raise expired_session()
                return token_answer(granted)
            case "client_credentials":
                return token_answer(await run(_daemon, services, form))
            case other:
                raise GrantRefused("unsupported_grant_type", f"unsupported_grant_type {other[:40]}", "InvalidRequest")

    @routes.post("/connect/change-password")
    async def change_password(request: Request) -> Response:
        await services.sign_in.change_password(typed_from(await read_form(request), request))
        return JSONResponse({"result": {"state": "Success"}}, headers={"Cache-Control": "no-store"})

    @routes.post("/connect/revocation")
    async def revocation(request: Request) -> Response:
        form = await read_form(request)
        await run(_revoke, services, form.get("token", ""))
        return JSONResponse({})

    @routes.get("/.well-known/openid-configuration")
    async def configuration(request: Request) -> Response:
        base = f"{request.url.scheme}://{request.url.netloc}/IDP"
        return JSONResponse(
            {
                "issuer": services.issuer,
                "authorization_endpoint": f"{base}/connect/authorize",
                "token_endpoint": f"{base}/connect/token",
                "revocation_endpoint": f"{base}/connect/revocation",
                "jwks_uri": f"{base}/.well-known/openid-configuration/jwks",
                "external_providers_uri": f"{base}/external-providers",
                "grant_types_supported": [*_GRANTS, *(["windows_credentials"] if services.tickets else [])],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "scopes_supported": ["openid", "profile", "managementserver", "offline_access"],
                "subject_types_supported": ["public"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "authorization_response_iss_parameter_supported": True,
                "server_version": SERVER_VERSION,
            }
        )

    @routes.get("/.well-known/openid-configuration/jwks")
    async def jwks() -> Response:
        return Response(services.keys.jwks_text(), media_type="application/json")

    @routes.get("/external-providers")
    async def external_providers() -> Response:
        return JSONResponse(await run(_login_providers, services))

    return routes


def _login_providers(services: Services) -> list[dict[str, str]]:
    with services.database.read() as session:
        found = services.providers.all(session)
    return [{"LoginProviderId": each.id, "DisplayName": each.item.name} for each in found]


def _need_client(form: Mapping[str, str]) -> None:
    if form.get("client_id", "") not in PROGRAMS:
        raise GrantRefused("invalid_client", "invalid_client", "InvalidClient")


def _start(services: Services, proven: Proven, client_id: str) -> Started:
    with services.database.write() as session:
        return services.sessions.start(session, proven, client_id)


def _redeem(services: Services, form: Mapping[str, str]) -> tuple[Started, str] | None:
    client_id = form.get("client_id", "")
    with services.database.write() as session:
        redeemed = services.codes.redeem(
            session,
            form.get("code", ""),
            client_id=client_id,
            redirect_uri=form.get("redirect_uri", ""),
            verifier=form.get("code_verifier", ""),
        )
        if redeemed is None:
            return None
        user = services.subjects.by_id(session, redeemed.user_id)
        if user is None:
            raise bad_code()
        started = services.sessions.start(session, Proven(user.id, user.name), client_id)
        services.codes.used(session, redeemed, started.session_id)
        if "openid" not in redeemed.scope.split():
            return started, ""
        return started, services.sessions.id_token(user.id, user.name, client_id, redeemed.nonce)


def _grant_refresh(services: Services, refresh_token: str) -> Granted | None:
    with services.database.write() as session:
        return services.sessions.grant_refresh(session, refresh_token)


def _daemon(services: Services, form: Mapping[str, str]) -> Granted:
    with services.database.write() as session:
        return services.sessions.grant_daemon(session, form.get("client_id", ""), form.get("client_secret", ""))


def _revoke(services: Services, token: str) -> None:
    with services.database.write() as session:
        services.sessions.revoke(session, token)
        services.vms_tokens.revoke(session, token)


def token_answer(granted: Granted, *, id_token: str = "", recovery_codes: tuple[str, ...] = ()) -> Response:
    """Return tokens as clients read them (RFC 6749, 5.1)."""
    answer: dict[str, Any] = {
        "access_token": granted.access_token,
        "expires_in": granted.expires_in_s,
        "token_type": "Bearer",
        "scope": "managementserver",
    }
    if granted.refresh_token:
        answer["refresh_token"] = granted.refresh_token
    if id_token:
        answer["id_token"] = id_token
    if recovery_codes:
        answer["recovery_codes"] = recovery_codes
    return JSONResponse(answer, HTTPStatus.OK, {"Cache-Control": "no-store", "Pragma": "no-cache"})
