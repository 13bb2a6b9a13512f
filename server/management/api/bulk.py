"""`POST /transactions`: many creations, changes and deletions at once, all or nothing.

`{"operations": [{"method": "POST", "resource": "userDefinedEvents", "parent": "...", "body": {...}},
{"method": "PATCH", "resource": "cameras/<id>", "ifMatch": "3", "body": {...}}, {"method": "DELETE", ...}],
"dryRun": false}`. A text `$n` stands for the id of what operation n (from 0) made. With `dryRun` all of it is tried and
nothing kept.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.foundation.errors import VmsError
from common.model.item import Item
from common.model.permissions import Verb
from common.net.tokens import Principal
from server.management.api.answers import OperationFailed, UnknownResource, WrongMethod, read_body, read_message
from server.management.api.changing import change_in, create_in, delete_in, need_writing, new_password_hash, shown
from server.management.api.envelope import model_of
from server.management.api.preconditions import version_of
from server.management.api.private_views import Writing
from server.management.configuration.items import InvalidProperties
from server.management.services import Services

audit = logging.getLogger("server.management.audit")

RESOURCE = "transactions"
MOST_OPERATIONS = 1000
MOST_BYTES = 8 * 1024 * 1024


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["POST", "PATCH", "PUT", "DELETE"]
    resource: Annotated[str, Field(min_length=1, max_length=200)]
    parent: Annotated[str, Field(max_length=100)] = ""
    if_match: Annotated[str, Field(max_length=100, alias="ifMatch")] = ""
    body: dict[str, Any] = {}


class _Transaction(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    operations: Annotated[list[_Operation], Field(min_length=1, max_length=MOST_OPERATIONS)]
    dry_run: bool = Field(default=False, alias="dryRun")


@dataclass(frozen=True, slots=True)
class _Step:
    """An operation as it is understood."""

    operation: _Operation
    model: type[Item]
    identifier: str
    password_hash: str


class _OnlyTried(Exception):
    """Undoes the transaction of a dry run; holds what it would have answered."""


async def answer(services: Services, who: Principal, request: Request) -> Response:
    """Do all of it or nothing; raise OperationFailed for the first that cannot be done."""
    if request.method != "POST":
        raise WrongMethod("Transactions are sent with POST.")
    wanted = read_message(_Transaction, await read_body(request, MOST_BYTES))
    steps = [await _understood(services, number, each) for number, each in enumerate(wanted.operations)]
    results = await services.database_pool.run(_done, services, who, steps, dry_run=wanted.dry_run)
    if not wanted.dry_run:
        audit.info("transaction", extra={"user": who.name, "user_id": who.user_id, "operations": len(steps)})
    return JSONResponse({"result": {"state": "Success", "dryRun": wanted.dry_run, "operations": results}})


async def _understood(services: Services, number: int, operation: _Operation) -> _Step:
    plural, _, identifier = operation.resource.strip("/").partition("/")
    model = model_of(plural)
    creating = operation.method == "POST"
    try:
        if model is None or "/" in identifier or creating == bool(identifier):
            raise UnknownResource(operation.resource)
        _check_allowed(model, operation.method)
        password_hash = ""
        if operation.method != "DELETE":
            password_hash = await new_password_hash(services, model, operation.body, identifier)
    except VmsError as error:
        raise OperationFailed(number, error) from error
    return _Step(operation, model, identifier.lower(), password_hash)


def _check_allowed(model: type[Item], method: str) -> None:
    kind = model.kind
    if not {"POST": kind.creatable, "DELETE": kind.deletable}.get(method, kind.changeable):
        raise WrongMethod(f"{kind.plural} do not support {method} here.")


def _done(services: Services, who: Principal, steps: Sequence[_Step], *, dry_run: bool) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    try:
        with services.database.write() as session:
            for number, step in enumerate(steps):
                try:
                    results.append(_one(services, session, who, step, results))
                except VmsError as error:
                    raise OperationFailed(number, error) from error
            if dry_run:
                raise _OnlyTried
    except _OnlyTried:
        pass
    return results


def _one(
    services: Services, session: Session, who: Principal, step: _Step, before: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    operation, model = step.operation, step.model
    body = _filled(operation.body, before)
    parent, identifier = str(_filled(operation.parent, before)), str(_filled(step.identifier, before))
    verb = {"POST": Verb.CREATE, "DELETE": Verb.DELETE}.get(operation.method, Verb.WRITE)
    need_writing(services, session, who, Writing(verb, model, identifier, parent, body))
    version = version_of(operation.if_match)
    if operation.method == "DELETE":
        delete_in(services, session, model, identifier, version)
        return {"path": {"type": model.kind.plural, "id": identifier}}
    if operation.method == "POST":
        stored = create_in(services, session, model, body, parent, step.password_hash)
    else:
        stored = change_in(
            services, session, model, identifier, body=body, version=version, password_hash=step.password_hash
        )
    data = shown(services, session, stored)
    return {"path": {"type": model.kind.plural, "id": stored.id}, "etag": data["etag"], "data": data}


def _filled(value: Any, before: Sequence[dict[str, Any]]) -> Any:
    """Put the ids of what was made before in the place of `$n`."""
    if isinstance(value, dict):
        return {name: _filled(each, before) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, before) for each in value]
    if isinstance(value, str) and value[:1] == "$" and value[1:].isascii() and value[1:].isdigit():
        number = int(value[1:4])
        if len(value) > 4 or number >= len(before):
            raise InvalidProperties({"": f"{value[:20]} names no operation before this one."})
        return before[number]["path"]["id"]
    return value
