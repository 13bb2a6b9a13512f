"""`/idp/connect/authorize`: people sign in on a page of ours, their program gets a code (RFC 6749, 4.1; RFC 8252).

The form is bound to the browser by a cookie that no other site can set or send, so nobody can be signed in as somebody
else by a foreign page. What was right so far stays in the server's memory, never in the page.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.foundation.catalog import text
from common.foundation.errors import VmsError
from server.management.api.code_requests import NoWayBack, RequestRefused, query_of, read_code_request, way_back
from server.management.api.forms import read_page_form, typed_from
from server.management.api.sign_in_page import Page, page_answer
from server.management.api.sign_in_steps import (
    credentials_page,
    goes_on,
    kept,
    next_page,
    recovery_page,
    words_of,
)
from server.management.configuration.items import InvalidProperties
from server.management.identity.authorization_codes import CodeRequest
from server.management.identity.first_factor import Recognised
from server.management.identity.hashing import token_hash
from server.management.identity.pending import PendingSignIn
from server.management.identity.refusals import GrantRefused
from server.management.identity.sign_in import Proven, Typed
from server.management.services import Services

COOKIE = "__Host-vedette-sign-in"
PATH = "/idp/connect/authorize"


def router(services: Services) -> APIRouter:
    """Return the routes of the sign-in page."""
    routes = APIRouter()

    @routes.get("/connect/authorize")
    async def first(request: Request) -> Response:
        wanted = wanted_of(services, request, request.query_params)
        if isinstance(wanted, Response):
            return wanted
        chosen = next(
            (each[4:] for each in request.query_params.get("acr_values", "").split() if each[:4] == "idp:"), ""
        )
        if chosen:
            return RedirectResponse(f"/idp/external/{quote(chosen, safe='')}?{query_of(wanted)}", HTTPStatus.SEE_OTHER)
        return await show_first(services, request, wanted)

    @routes.post("/connect/authorize")
    async def step(request: Request) -> Response:
        form = await read_page_form(request)
        wanted = wanted_of(services, request, request.query_params)
        if isinstance(wanted, Response):
            return wanted
        browser = request.cookies.get(COOKIE, "")
        if not browser or not hmac.compare_digest(token_hash(browser), form.get("form_token", "")):
            return await show_first(services, request, wanted, error=text("signin.failed_expired"))
        if not form.get("attempt"):
            return await go_on(services, request, wanted, typed_from(form, request), None)
        pending = services.pending.take(form["attempt"], browser)
        if pending is None:
            return await show_first(services, request, wanted, error=text("signin.failed_expired"))
        if pending.proven is not None:
            return await finish(services, request, wanted, pending.proven)
        more = typed_from(form, request)
        typed = replace(
            pending.typed,
            code=more.code or pending.typed.code,
            new_password=more.new_password or pending.typed.new_password,
            second_name=more.second_name or pending.typed.second_name,
            second_password=more.second_password or pending.typed.second_password,
            second_code=more.second_code or pending.typed.second_code,
        )
        if more.new_password and more.new_password != form.get("repeat_password", ""):
            differ = InvalidProperties({"new_password": text("signin.passwords_differ")})
            return _next(services, request, wanted, typed, pending.vouched, error=differ)
        return await go_on(services, request, wanted, typed, pending.vouched)

    return routes


async def show_first(
    services: Services, request: Request, wanted: CodeRequest, *, name: str = "", error: str = ""
) -> Response:
    """Show the page that asks for name and password."""
    browser = _browser(request)
    providers = await services.database_pool.run(_providers, services)
    page = credentials_page(
        services.site_name,
        _action(wanted),
        token_hash(browser),
        name=name,
        error=error,
        links=[
            (f"/idp/external/{identifier}?{query_of(wanted)}", text("signin.with", provider=shown))
            for identifier, shown in providers
        ],
    )
    return _with_cookie(page_answer(page, wanted.redirect_uri), browser)


async def go_on(
    services: Services, request: Request, wanted: CodeRequest, typed: Typed, vouched: Recognised | None
) -> Response:
    """Check all that is known by now, and ask for more or lead back to the program."""
    try:
        if vouched is None:
            proven = await services.sign_in.check(typed)
        else:
            proven = await services.sign_in.complete(vouched, typed)
    except (GrantRefused, InvalidProperties) as error:
        if goes_on(error):
            return _next(services, request, wanted, typed, vouched, error=error)
        return await show_first(services, request, wanted, name=typed.name, error=words_of(error))
    if not proven.recovery_codes:
        return await finish(services, request, wanted, proven)
    browser = _browser(request)
    attempt = services.pending.put(PendingSignIn(browser, typed, proven=proven))
    page = recovery_page(services.site_name, _action(wanted), _hidden(browser, attempt), proven.recovery_codes)
    return _with_cookie(page_answer(page, wanted.redirect_uri), browser)


async def finish(services: Services, request: Request, wanted: CodeRequest, proven: Proven) -> Response:
    """Lead back to the program with a code."""
    code = await services.database_pool.run(_issue, services, proven, wanted)
    answer = RedirectResponse(
        way_back(wanted, services.issuer, code=code), HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"}
    )
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


def _providers(services: Services) -> list[tuple[str, str]]:
    with services.database.read() as session:
        return [(each.id, each.item.name) for each in services.providers.all(session)]


def _issue(services: Services, proven: Proven, wanted: CodeRequest) -> str:
    with services.database.write() as session:
        return services.codes.issue(session, proven.user_id, wanted)


def _next(
    services: Services,
    request: Request,
    wanted: CodeRequest,
    typed: Typed,
    vouched: Recognised | None,
    *,
    error: VmsError,
) -> Response:
    browser = _browser(request)
    attempt = services.pending.put(PendingSignIn(browser, kept(typed, error), vouched))
    setup = _setup(error)
    page = next_page(
        services.site_name,
        _action(wanted),
        _hidden(browser, attempt),
        typed.name or (vouched.name if vouched else ""),
        error=error,
        setup=setup,
    )
    return _with_cookie(page_answer(page, wanted.redirect_uri), browser)


def _setup(error: VmsError) -> Mapping[str, str]:
    if isinstance(error, GrantRefused) and error.code == "SecondFactorSetup":
        return {name: str(value) for name, value in error.more.items()}
    return {}


def wanted_of(services: Services, request: Request, query: Mapping[str, str]) -> CodeRequest | Response:
    """Return what a program asked for, or the answer to a request that is none."""
    try:
        return read_code_request(query, f"https://{request.url.netloc}", services.redirect_uris)
    except NoWayBack as refused:
        explanation = text("signin.bad_request", detail=str(refused))
        page = Page(services.site_name, text("signin.heading", site=services.site_name), error=explanation)
        return page_answer(page, status=HTTPStatus.BAD_REQUEST)
    except RequestRefused as refused:
        answer = {"error": refused.error, "error_description": refused.description}
        return RedirectResponse(way_back(refused.wanted, services.issuer, **answer), HTTPStatus.SEE_OTHER)


def _action(wanted: CodeRequest) -> str:
    return f"{PATH}?{query_of(wanted)}"


def _hidden(browser: str, attempt: str) -> tuple[tuple[str, str], ...]:
    return ("form_token", token_hash(browser)), ("attempt", attempt)


def _browser(request: Request) -> str:
    """Return the browser's own secret, a new one at its first page."""
    known = request.cookies.get(COOKIE, "")
    return known if len(known) == 43 else secrets.token_urlsafe(32)


def _with_cookie(answer: Response, browser: str) -> Response:
    # Lax: a login provider leads the browser back here.
    answer.set_cookie(COOKIE, browser, max_age=900, path="/", secure=True, httponly=True, samesite="lax")
    return answer
