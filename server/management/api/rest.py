"""`/api/rest/v1`: every declared kind of item, generically; shapes as existing integrations expect them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.model.item import Item
from common.model.permissions import Verb
from common.net.tokens import Principal
from server.management.api import (
    bookmarks,
    bulk,
    evidence_locks,
    group_members,
    history,
    permissions,
    private_views,
    rest_tasks,
    storage_information,
)
from server.management.api.answers import UnknownResource, WrongMethod, failed, read_object
from server.management.api.callers import bearer, caller, need_administrator
from server.management.api.changing import changed, created, deleted, need_writing
from server.management.api.envelope import Envelope, definitions, model_of, resources
from server.management.api.locks import lock_end
from server.management.api.preconditions import expected_version
from server.management.api.query import ListQuery, read_query
from server.management.configuration.items import NOT_STORED
from server.management.services import Services

audit = logging.getLogger("server.management.audit")

ROOT = "/api/rest/v1"


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: a list (`identifier` empty) or an item, the list perhaps below a parent."""

    model: type[Item]
    identifier: str = ""
    parent: type[Item] | None = None
    parent_id: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what; `viewer_host` is the name by which they reached this server."""

    who: Principal
    target: Target
    query: ListQuery
    viewer_host: str


def router(services: Services) -> APIRouter:
    """Return the routes below the root."""
    routes = APIRouter(prefix=ROOT)

    @routes.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def resource(path: str, request: Request) -> Response:
        principal = await caller(services, request)
        segments = str(request.scope["vedette.path"])[len(ROOT) :].strip("/").split("/")
        if permissions.answers(segments):
            return await permissions.answer(services, principal, segments, request)
        group = group_members.named(segments)
        if group is not None:
            return await group_members.answer(services, principal, group, segments, request)
        if segments[0].lower() == evidence_locks.RESOURCE:
            return await evidence_locks.answer(services, segments, request)
        if storage_information.answers(segments):
            return await storage_information.answer(services, principal, segments, request)
        if segments[0].lower() == bookmarks.RESOURCE:
            return await bookmarks.answer(services, principal, segments, request)
        if history.answers(segments):
            return await history.answer(services, principal, segments, request)
        if segments[0].lower() == bulk.RESOURCE:
            return await bulk.answer(services, principal, request)
        if segments[0].lower() == "tasks":
            return await rest_tasks.tasks(services, principal, segments[1:], request)
        if len(segments) == 3 and segments[0].lower() == "roles" and segments[2].lower() == "users":
            return await rest_tasks.role_users(services, principal, segments[1].lower(), request)
        target = parse(segments)
        names = frozenset(each.wire_name for each in target.model.properties()) | NOT_STORED
        query = read_query(request.query_params.multi_items(), names)
        match request.method:
            case "GET":
                question = Question(principal, target, query, request.url.hostname or "")
                answer = await services.database_pool.run(_get, services, question)
                headers = {"ETag": f'"{answer["data"]["etag"]}"'} if "data" in answer else None
                return Response(orjson.dumps(answer), HTTPStatus.OK, headers, "application/json")
            case "POST" if query.task:
                need_administrator(principal, f"task {query.task} of {target.model.kind.plural}")
                body = await read_object(request)
                return await rest_tasks.start(
                    services,
                    principal,
                    target.model,
                    target.identifier,
                    name=query.task,
                    body=body,
                    token=bearer(request),
                )
            case method:
                given = await read_object(request) if private_views.concern(method, target.model) else None
                await services.database_pool.run(_need, services, principal, method, target, given or {})
                return await _write(services, principal, target, request, given)

    return routes


def parse(segments: list[str]) -> Target:
    """Make sense of a path; raise UnknownResource."""
    models = [model_of(name) for name in segments[::2]]
    if len(segments) > 3 or not all(segments):
        raise UnknownResource("/".join(segments)[:200])
    for name, model in zip(segments[::2], models, strict=True):
        if model is None:
            raise UnknownResource(name[:200])
    first, below = models[0], models[1] if len(models) > 1 else None
    assert first is not None
    if below is not None:
        if first.kind.plural not in below.kind.parents:
            raise UnknownResource(f"{segments[0]}/{segments[2]}"[:200])
        return Target(below, parent=first, parent_id=segments[1].lower())
    return Target(first, segments[1].lower() if len(segments) > 1 else "")


def _need(services: Services, who: Principal, method: str, target: Target, body: Mapping[str, Any]) -> None:
    """Raise NotPermitted unless a user may send a request that changes something."""
    verb = {"POST": Verb.CREATE, "DELETE": Verb.DELETE}.get(method, Verb.WRITE)
    asked = private_views.Writing(verb, target.model, target.identifier, target.parent_id, body)
    with services.database.read() as session:
        need_writing(services, session, who, asked)


def _get(services: Services, asked: Question) -> dict[str, Any]:
    with services.database.read() as session:
        answer: dict[str, Any] = {}
        if not asked.query.has("noData"):
            answer = _data(services, session, asked)
    kind = asked.target.model.kind
    if asked.query.has("tasks"):
        answer["tasks"] = [{"id": name, "displayName": name} for name in kind.tasks]
    if asked.query.has("resources"):
        answer["resources"] = resources(asked.target.model)
    if asked.query.has("definitions"):
        answer["definitions"] = definitions(asked.target.model)
    return answer


def _data(services: Services, session: Session, asked: Question) -> dict[str, Any]:
    target, query = asked.target, asked.query
    seen = partial(services.authority.seen, session, asked.who)
    envelope = Envelope(
        session,
        services.items,
        services.statuses,
        lock_end=lock_end(services),
        viewer_host=asked.viewer_host,
        seen=seen,
    )
    if target.identifier:
        services.authority.need(session, asked.who, Verb.READ, target.model, target.identifier)
        stored = services.items.get(session, target.model, target.identifier)
        return {"data": envelope.item(stored, query.include)}
    parent_id = None
    if target.parent is not None:
        parent_id = services.items.get(session, target.parent, target.parent_id).id
    may_see = seen(target.model)
    found = (
        (getattr(each.item, "enabled", True), partial(envelope.item, each, query.include))
        for each in services.items.each(session, target.model, parent_id)
        if may_see(each.id)
    )
    return {"array": query.page_of(found)}


async def _write(
    services: Services, principal: Principal, target: Target, request: Request, body: dict[str, Any] | None
) -> Response:
    """Do what the request says; `body` None: it is still to be read."""
    kind = target.model.kind
    match request.method, bool(target.identifier):
        case "POST", False if kind.creatable:
            body = await read_object(request) if body is None else body
            stored = await created(services, target.model, body, target.parent_id)
            _audit("created", principal, target.model, stored["id"], body)
            path = {"type": kind.plural, "id": stored["id"]}
            return JSONResponse({"result": {**stored, "state": "Success", "path": path}}, HTTPStatus.CREATED)
        case (("PUT" | "PATCH"), True) if kind.changeable:
            body = await read_object(request) if body is None else body
            version = expected_version(request)
            stored = await changed(services, target.model, target.identifier, body, version)
            _audit("changed", principal, target.model, target.identifier, body)
            return JSONResponse({"data": stored}, HTTPStatus.OK, {"ETag": f'"{stored["etag"]}"'})
        case "DELETE", True if kind.deletable:
            await services.database_pool.run(
                deleted, services, target.model, target.identifier, expected_version(request)
            )
            _audit("deleted", principal, target.model, target.identifier, {})
            return JSONResponse({"state": "Success"})
        case method, _:
            return failed(WrongMethod(f"{kind.plural} do not support {method} here."))


def _audit(what: str, who: Principal, model: type[Item], identifier: str, body: Mapping[str, object]) -> None:
    fields = {"user": who.name, "user_id": who.user_id, "item": f"{model.kind.plural}/{identifier}"}
    audit.info("configuration %s", what, extra={**fields, "properties": sorted(body)})
