"""`GET /api/snapshot/v1[?after=<tag>]`: the configuration that clients work with, whole or what changed since `after`.

    {"tag": "...", "full": true, "defaults": {kind: {...}}, "items": [[kind, id, parent, version, {...}], ...],
     "deleted": [id, ...]}

The tag names a place in the service channel's journal: a client that listens there asks with its last tag when it is
told of a change. Where too much was missed the answer is `full` again. What is below a deleted item went with it.
"""

import asyncio
import gzip
import json
from collections import OrderedDict
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from common.api.service_channel import Notice
from common.net.tokens import Principal
from server.management.api.callers import caller
from server.management.channel.journal import Journal
from server.management.configuration.snapshot import KINDS, Snapshot, changes, declared_defaults, everything
from server.management.services import Services

PATH = "/api/snapshot/v1"
_MOST_KEPT = 8  # whole snapshots: one for each set of roles that many people have
_GZIP_LEVEL = 6


def router(services: Services, journal: Journal) -> APIRouter:
    """Return the route."""
    routes = APIRouter()
    kept = _Kept(services)

    @routes.get(PATH)
    async def snapshot(request: Request) -> Response:
        who = await caller(services, request)
        number = journal.last  # before reading: what changes meanwhile is told again, which does no harm
        tag = f"{journal.epoch}.{number}"
        after = request.query_params.get("after") or request.headers.get("if-none-match", "").strip('W/"')
        headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Authorization"}
        if after == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        known = _notices(journal, after)
        if known is None:
            body = await kept.whole(who, tag)
        else:
            body = await services.database_pool.run(_changed, services, who, known, tag)
        if "gzip" in request.headers.get("accept-encoding", "").lower():
            headers["Content-Encoding"] = "gzip"
        else:
            body = await asyncio.to_thread(gzip.decompress, body)
        return Response(body, media_type="application/json", headers=headers)

    return routes


class _Kept:
    """Whole snapshots for users with the same roles, made once: after a power cut everybody asks at the same time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: OrderedDict[tuple[frozenset[str], str], asyncio.Future[bytes]] = OrderedDict()

    async def whole(self, who: Principal, tag: str) -> bytes:
        key = who.roles, tag
        made = self._made.get(key)
        if made is None or (made.done() and made.exception() is not None):
            made = asyncio.ensure_future(self._services.database_pool.run(_whole, self._services, who, tag))
            self._made[key] = made
            while len(self._made) > _MOST_KEPT:
                self._made.popitem(last=False)
        return await asyncio.shield(made)


def _notices(journal: Journal, after: str) -> list[Notice] | None:
    epoch, _, number = after.partition(".")
    if epoch != journal.epoch or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    return journal.after(int(number))


def _whole(services: Services, who: Principal, tag: str) -> bytes:
    with services.database.read() as session:
        return _packed(everything(session, services.authority, who), tag)


def _changed(services: Services, who: Principal, notices: list[Notice], tag: str) -> bytes:
    with services.database.read() as session:
        return _packed(changes(session, services.authority, who, notices), tag)


def _packed(snapshot: Snapshot, tag: str) -> bytes:
    body: dict[str, object] = {"tag": tag, "full": snapshot.full}
    if snapshot.full:
        body["defaults"] = declared_defaults(KINDS)
    body |= {"items": snapshot.items, "deleted": snapshot.deleted}
    return gzip.compress(json.dumps(body, separators=(",", ":")).encode(), _GZIP_LEVEL)
