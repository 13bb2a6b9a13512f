"""`/configurationChanges` and `.../{item}/history`: what administrators changed, and back to what was before."""

import re
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.foundation.clock import UtcUs
from common.net.tokens import Principal
from server.management.api.answers import BadRequest, UnknownResource, WrongMethod
from server.management.api.callers import need_administrator
from server.management.api.changing import delete_in, put_back_in
from server.management.api.envelope import api_time
from server.management.api.preconditions import expected_version
from server.management.database.history_tables import ItemChangeRow
from server.management.history.book import (
    CannotRestore,
    Wanted,
    bring_back,
    differences,
    find,
    model_of,
    page,
    properties_to_restore,
)
from server.management.services import Services

RESOURCE = "configurationchanges"
_MOST = 1000
_TASKS = {"undo": True, "restore": False}


def answers(segments: list[str]) -> bool:
    """Whether a path below the root is about changes."""
    return segments[0].lower() == RESOURCE or (len(segments) == 3 and segments[2].lower() == "history")


async def answer(services: Services, who: Principal, segments: list[str], request: Request) -> Response:
    """Answer a request for them; raise NotPermitted, UnknownResource, BadRequest, CannotRestore, VersionConflict."""
    need_administrator(who, "see or undo changes of the configuration")
    given = dict(request.query_params)
    run = services.database_pool.run
    if segments[0].lower() != RESOURCE:
        _only("GET", request)
        return JSONResponse({"array": await run(_page, services, {**given, "item": segments[1]})})
    if len(segments) == 1:
        _only("GET", request)
        return JSONResponse({"array": await run(_page, services, given)})
    if len(segments) != 2 or not re.fullmatch(r"\d{1,18}", segments[1]):
        raise UnknownResource("/".join(segments)[:200])
    number = int(segments[1])
    if request.method == "GET":
        return JSONResponse({"data": await run(_one, services, number)})
    _only("POST", request)
    undo = _TASKS.get(given.get("task", "").lower())
    if undo is None:
        raise BadRequest("A change has the tasks Undo, which makes the item as it was before, and Restore: as after.")
    made = await run(_go_back, services, number, expected_version(request), undo=undo)
    return JSONResponse({"result": {"state": "Success", **made}})


def _only(method: str, request: Request) -> None:
    if request.method != method:
        raise WrongMethod(f"Changes do not support {request.method} here.")


def _page(services: Services, given: dict[str, str]) -> list[dict[str, Any]]:
    unknown = sorted(set(given) - {"item", "kind", "user", "from", "to", "page", "size"})
    if unknown:
        raise BadRequest(f"There is no filter {unknown[0][:40]}.")
    wanted = Wanted(
        item=given.get("item", "")[:36],
        kind=given.get("kind", "")[:64],
        user=given.get("user", "")[:255],
        from_us=_number(given, "from"),
        to_us=_number(given, "to"),
    )
    size = _number(given, "size")
    size = 100 if size is None else size
    if not 1 <= size <= _MOST:
        raise BadRequest(f"size must be 1 to {_MOST}.")
    with services.database.read() as session:
        found = page(session, wanted, skip=(_number(given, "page") or 0) * size, most=size)
        return [_shown(change) for change in found]


def _one(services: Services, number: int) -> dict[str, Any]:
    with services.database.read() as session:
        return _shown(_known(session, number))


def _known(session: Session, number: int) -> ItemChangeRow:
    change = find(session, number)
    if change is None:
        raise UnknownResource(f"{RESOURCE}/{number}")
    return change


def _go_back(services: Services, number: int, version: int | None, *, undo: bool) -> dict[str, Any]:
    with services.database.write() as session:
        change = _known(session, number)
        model = model_of(change)
        path = {"path": {"type": change.kind, "id": change.item_id}}
        if change.action == "deleted" and undo:
            return {**path, "items": bring_back(session, services.items, change)}
        if change.action == "created" and undo:
            if not model.kind.deletable:
                raise CannotRestore(f"{change.kind} cannot be deleted")
            delete_in(services, session, model, change.item_id, version)
            return path
        properties = properties_to_restore(services.items, change, undo=undo)
        stored = put_back_in(services, session, model, change.item_id, properties=properties, version=version)
        return {**path, "etag": str(stored.version)}


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,18}", text):
        raise BadRequest(f"{name} is not a whole number.")
    return int(text)


def _shown(change: ItemChangeRow) -> dict[str, Any]:
    return {
        "id": str(change.number),
        "changeSet": change.change_set,
        "time": api_time(UtcUs(change.at_us)),
        "action": change.action,
        "item": {"type": change.kind, "id": change.item_id},
        "displayName": change.name,
        "version": change.version,
        "user": change.user_name,
        "userId": change.user_id,
        "address": change.address,
        "changes": differences(change),
        "relations": {"self": {"type": "configurationChanges", "id": str(change.number)}},
    }
