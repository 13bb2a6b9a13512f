"""Identity: `/idp/connect/token` and what OpenID Connect clients look up beside it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.management.api.answers import read_body
from server.management.api.version import SERVER_VERSION
from server.management.identity.passwords import MOST_CHARS
from server.management.identity.sessions import Granted, GrantRefused
from server.management.services import Services

PREFIXES = ("/idp", "/api/idp")
_CLIENTS = ("GrantValidatorClient", "VmsClient")


def router(services: Services) -> APIRouter:
    """Return the routes below `/idp`."""
    routes = APIRouter()

    @routes.post("/connect/token")
    async def token(request: Request) -> Response:
        form = decode_form(await read_body(request))
        match form.get("grant_type", ""):
            case "password":
                granted = await _password(services, form)
            case "refresh_token":
                granted = await _refresh(services, form)
            case "client_credentials":
                granted = await services.database_pool.run(_daemon, services, form)
            case other:
                raise GrantRefused("unsupported_grant_type", f"unsupported_grant_type {other[:40]}", "InvalidRequest")
        return _token_answer(granted)

    @routes.post("/connect/revocation")
    async def revocation(request: Request) -> Response:
        form = decode_form(await read_body(request))
        await services.database_pool.run(_revoke, services, form.get("token", ""))
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
                "grant_types_supported": ["password", "refresh_token", "client_credentials"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "server_version": SERVER_VERSION,
            }
        )

    @routes.get("/.well-known/openid-configuration/jwks")
    async def jwks() -> Response:
        return Response(services.keys.jwks_text(), media_type="application/json")

    @routes.get("/external-providers")
    async def external_providers() -> Response:
        return JSONResponse([])

    return routes


def decode_form(body: bytes) -> dict[str, str]:
    """Read `application/x-www-form-urlencoded` leniently: some clients do not encode the values at all.

    A value runs to the next `&` that is followed by a name of ours and `=`, so that a raw password may hold `&`. A `+`
    is a blank, and `%xx` is decoded where it is valid UTF-8.
    """
    text = body.decode("utf-8", "replace")
    form: dict[str, str] = {}
    last = ""
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if equals and name.lower() in _FIELDS:
            last = name.lower()
            form[last] = value
        elif last:
            form[last] += "&" + part
    return {name: unquote_plus(value, errors="replace") for name, value in form.items()}


_FIELDS = frozenset(
    {"grant_type", "username", "password", "client_id", "client_secret", "refresh_token", "scope", "token"}
    | {"code", "code_verifier", "redirect_uri", "token_type_hint"}
)


async def _password(services: Services, form: Mapping[str, str]) -> Granted:
    client, name, password = form.get("client_id", ""), form.get("username", ""), form.get("password", "")
    if client not in _CLIENTS:
        raise GrantRefused("invalid_client", "invalid_client", "InvalidClient")
    if len(name) > MOST_CHARS or not name.isprintable():
        name = "?"
    services.sessions.check_lock(name)
    stored_hash = await services.database_pool.run(_stored_hash, services, name)
    await services.password_pool.run(services.sessions.check_password, stored_hash, name, password)
    assert stored_hash is not None  # else the line above has raised
    return await services.database_pool.run(_grant_password, services, name, stored_hash, client)


async def _refresh(services: Services, form: Mapping[str, str]) -> Granted:
    granted = await services.database_pool.run(_grant_refresh, services, form.get("refresh_token", ""))
    if granted is None:
        raise GrantRefused("invalid_grant", "invalid_refresh_token", "InvalidCredentials")
    return granted


def _stored_hash(services: Services, name: str) -> str | None:
    with services.database.read() as session:
        return services.sessions.stored_hash(session, name)


def _grant_password(services: Services, name: str, stored_hash: str, client: str) -> Granted:
    with services.database.write() as session:
        return services.sessions.grant_password(session, name, stored_hash, client)


def _grant_refresh(services: Services, refresh_token: str) -> Granted | None:
    with services.database.write() as session:
        return services.sessions.grant_refresh(session, refresh_token)


def _daemon(services: Services, form: Mapping[str, str]) -> Granted:
    with services.database.write() as session:
        return services.sessions.grant_daemon(session, form.get("client_id", ""), form.get("client_secret", ""))


def _revoke(services: Services, token: str) -> None:
    with services.database.write() as session:
        services.sessions.revoke(session, token)


def _token_answer(granted: Granted) -> Response:
    answer: dict[str, Any] = {
        "access_token": granted.access_token,
        "expires_in": granted.expires_in_s,
        "token_type": "Bearer",
        "scope": "managementserver",
    }
    if granted.refresh_token:
        answer["refresh_token"] = granted.refresh_token
    return JSONResponse(answer, HTTPStatus.OK, {"Cache-Control": "no-store", "Pragma": "no-cache"})
