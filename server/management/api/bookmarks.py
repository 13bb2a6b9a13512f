"""`/api/rest/v1/bookmarks`: one, by id; the tasks `searchTime` and `newReference` on the list."""

import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.net.tokens import Principal
from server.management.api.answers import UnknownResource, WrongMethod, read_object
from server.management.bookmarks.store import Bookmarks
from server.management.bookmarks.words import read_search
from server.management.services import Services

T = TypeVar("T")

RESOURCE = "bookmarks"


async def answer(services: Services, who: Principal, segments: Sequence[str], request: Request) -> Response:
    """Answer a request for this resource; `segments` begin with its name."""
    rest = segments[1:]
    if len(rest) > 1:
        raise UnknownResource("/".join(segments)[:200])
    body: dict[str, Any] = await read_object(request) if request.method in ("POST", "PATCH", "PUT") else {}
    task = request.query_params.get("task", "").lower()
    now = services.clock.now_us()
    match request.method, bool(rest):
        case "POST", False if task == "searchtime":
            wanted = read_search(body)
            return JSONResponse({"array": await _run(services, who, lambda known: known.search(wanted), write=False)})
        case "POST", False if task == "newreference":
            reference = f"no.{secrets.randbelow(10**9):09d}"
            return JSONResponse({"result": {"state": "Success", "reference": reference}})
        case "POST", False if not task:
            made = await _run(services, who, lambda known: known.create(body, now))
            path = {"type": RESOURCE, "id": made["id"]}
            return JSONResponse({"result": {**made, "state": "Success", "path": path}}, HTTPStatus.CREATED)
        case "GET", True:
            found = await _run(services, who, lambda known: known.get(rest[0]), write=False)
            return JSONResponse({"data": found})
        case (("PATCH" | "PUT"), True):
            changed = await _run(services, who, lambda known: known.change(rest[0], body, now))
            return JSONResponse({"data": changed})
        case "DELETE", True:
            await _run(services, who, lambda known: known.delete(rest[0]))
            return JSONResponse({"state": "Success"})
        case _:
            raise WrongMethod("Bookmarks know POST, GET, PATCH and DELETE, and the tasks searchTime and newReference.")


async def _run(services: Services, who: Principal, act: Callable[[Bookmarks], T], *, write: bool = True) -> T:
    def transact() -> T:
        with services.database.write() if write else services.database.read() as session:
            return act(Bookmarks(session, services.items, services.authority, who))

    return await services.database_pool.run(transact)
