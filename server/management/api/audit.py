"""The audit log over HTTP: what recorders deliver, and what administrators read."""

import re
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.api.audit import PATH, AuditBatch
from common.foundation.clock import US_PER_S
from common.net.tokens import RECORDERS
from server.management.api.answers import BadRequest, read_body, read_message
from server.management.api.callers import caller, need_administrator, need_recorder
from server.management.audit.log import AuditFilter, page
from server.management.services import Services

LIST_PATH = "/api/audit/v1/entries"
_MOST = 1000
_TEXTS = ("category", "outcome", "action", "user", "item", "source")


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.post(PATH)
    async def take(request: Request) -> Response:
        who = await caller(services, request)
        if RECORDERS not in who.roles:
            need_recorder(who, "")  # refuses
        batch = read_message(AuditBatch, await read_body(request))
        receipt = await services.database_pool.run(services.audit.take, batch, str(who.user_id))
        return Response(receipt.model_dump_json(), HTTPStatus.OK, media_type="application/json")

    @routes.get(LIST_PATH)
    async def entries(request: Request) -> Response:
        need_administrator(await caller(services, request), "read the audit log")
        given = dict(request.query_params)
        unknown = sorted(set(given) - {*_TEXTS, "from", "to", "before", "limit"})
        if unknown:
            raise BadRequest(f"There is no filter {unknown[0][:40]}.")
        limit = _number(given, "limit", 100)
        if limit is None or not 1 <= limit <= _MOST:
            raise BadRequest(f"limit must be 1 to {_MOST}.")
        wanted = AuditFilter(
            from_us=_number(given, "from"),
            to_us=_number(given, "to"),
            **{name: given.get(name, "")[:255] for name in _TEXTS},
        )
        found = await services.database_pool.run(_page, services, wanted, _number(given, "before"), limit)
        answer: dict[str, Any] = {"array": found}
        if len(found) == limit:
            answer["next"] = found[-1]["sequence"]
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return routes


def _page(services: Services, wanted: AuditFilter, before: int | None, limit: int) -> list[dict[str, Any]]:
    with services.database.read() as session:
        return list(page(session, wanted, before, limit))


def _number(given: dict[str, str], name: str, absent: int | None = None) -> int | None:
    """Read a whole number; times are microseconds since 1970 UTC."""
    text = given.get(name)
    if text is None:
        return absent
    if not re.fullmatch(r"\d{1,18}", text):
        raise BadRequest(
            f"{name} is not a whole number" + (f" (1 s is {US_PER_S})." if name in ("from", "to") else ".")
        )
    return int(text)
