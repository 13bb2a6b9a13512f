"""`/idp/external/{id}` leads a browser to a login provider, `/idp/signin-oidc` takes it back."""

import logging

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.foundation.catalog import text
from common.model.identity import LoginProvider
from server.management.api.authorize import go_on, show_first, wanted_of
from server.management.api.code_requests import query_of
from server.management.configuration.items import NoSuchItem
from server.management.identity.authorization_codes import CodeRequest
from server.management.identity.id_tokens import ProviderFailed
from server.management.identity.providers import ATTEMPT_LIFE_S, KnownProvider
from server.management.identity.refusals import GrantRefused
from server.management.identity.sign_in import Typed
from server.management.services import Services

audit = logging.getLogger("server.management.audit")

COOKIE = "__Host-vedette-provider"
CALLBACK = str(LoginProvider.model_fields["callback_path"].default)


def router(services: Services) -> APIRouter:
    """Return the routes; the provider's own path is that of the declaration."""
    routes = APIRouter()

    @routes.get("/idp/external/{provider_id}")
    async def begin(provider_id: str, request: Request) -> Response:
        wanted = wanted_of(services, request, request.query_params)
        if isinstance(wanted, Response):
            return wanted
        return await to_provider(services, request, wanted, provider_id)

    @routes.get(CALLBACK)
    async def back(request: Request) -> Response:
        answer = dict(request.query_params)
        attempt = services.providers.attempt_of(request.cookies.get(COOKIE, ""), answer)
        if attempt is None:
            nothing = wanted_of(services, request, {})
            assert isinstance(nothing, Response)  # without a client there is nowhere to go
            return nothing
        wanted = wanted_of(services, request, QueryParams(attempt.query))
        if isinstance(wanted, Response):
            return wanted
        name = ""
        try:
            provider = await services.providers.by_id(attempt.provider_id)
            name = provider.item.name
            user = await services.providers.vouched(provider, attempt, answer)
        except (ProviderFailed, NoSuchItem) as error:
            return await _failed(services, request, wanted, name, error)
        except GrantRefused as error:
            audit.warning("sign-in refused", extra={"provider": name, "reason": error.description})
            return await show_first(services, request, wanted, error=text(f"signin.failed_{error.code}"))
        address = request.client.host if request.client else ""
        response = await go_on(services, request, wanted, Typed("", "", address=address), user)
        response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
        return response

    return routes


async def to_provider(services: Services, request: Request, wanted: CodeRequest, provider_id: str) -> Response:
    """Send a browser to a provider."""
    name = provider_id
    try:
        provider: KnownProvider = await services.providers.by_id(provider_id)
        name = provider.item.name
        back = f"https://{request.url.netloc}{CALLBACK}"
        url, cookie = await services.providers.begin(provider, back, query_of(wanted))
    except (ProviderFailed, NoSuchItem) as error:
        return await _failed(services, request, wanted, name, error)
    answer = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
    # Lax: the provider leads the browser back from its own site.
    answer.set_cookie(COOKIE, cookie, max_age=ATTEMPT_LIFE_S, path="/", secure=True, httponly=True, samesite="lax")
    return answer


async def _failed(services: Services, request: Request, wanted: CodeRequest, name: str, error: Exception) -> Response:
    audit.warning("sign-in refused", extra={"provider": name, "reason": str(error)})
    said = text("signin.failed_ProviderFailed", provider=name, detail=f"{error}.")
    return await show_first(services, request, wanted, error=said)
