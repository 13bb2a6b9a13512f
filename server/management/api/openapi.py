"""The OpenAPI document (3.1) of the configuration API, made from the declarations of `common.model`."""

from functools import cache
from typing import Any

from common.model.item import Item
from common.model.kinds import ALL, BY_PLURAL

PATH = "/api/openapi.json"
_ROOT = "/api/rest/v1"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
_REF = "#/components/schemas/"


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    schemas: dict[str, Any] = {"Error": _ERROR, "Relations": _RELATIONS}
    paths: dict[str, Any] = {}
    for model in ALL:
        schemas |= _schemas(model)
        paths |= _paths(model)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vedette configuration API", "version": "1"},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"token": []}],
    }


def _schemas(model: type[Item]) -> dict[str, Any]:
    """The schema of what is sent, and of what comes back: that, and what the server adds."""
    sent = model.model_json_schema(by_alias=True, ref_template=_REF + "{model}")
    parts: dict[str, Any] = sent.pop("$defs", {})
    sent.pop("title", None)
    for declared in model.properties():
        about = sent["properties"][declared.wire_name]
        about["title"] = declared.shown.label
        if declared.shown.help:
            about["description"] = declared.shown.help
        if declared.shown.read_only:
            about["readOnly"] = True
        if declared.shown.secret:
            about["writeOnly"] = True
    name = model.__name__
    added = {
        "id": {"type": "string", "readOnly": True},
        "displayName": {"type": "string", "readOnly": True},
        "lastModified": {"type": "string", "readOnly": True},
        "etag": {"type": "string", "readOnly": True},
        "relations": {"$ref": _REF + "Relations"},
    }
    shown = {
        "description": (model.__doc__ or "").strip(),
        "type": "object",
        "properties": {**sent["properties"], **added},
        "required": ["id", "displayName", "lastModified", "etag", "relations"],
    }
    return {**parts, f"{name}Sent": sent, name: shown}


def _paths(model: type[Item]) -> dict[str, Any]:
    kind, name = model.kind, model.__name__
    one: dict[str, Any] = {"parameters": [_ID], "get": _reading(model, _wrapped("data", _named(name)))}
    if kind.changeable:
        changes = {"application/json": {"schema": {"type": "object"}}}
        for method in ("patch", "put"):
            one[method] = _operation(model, f"Change: {name}", "200", _wrapped("data", _named(name)), changes)
    if kind.deletable:
        one["delete"] = _operation(model, f"Remove: {name}", "200", {"type": "object"})
    several = {"type": "array", "items": _named(name)}
    listed: dict[str, Any] = {"get": _reading(model, _wrapped("array", several), listed=True)}
    if kind.creatable:
        body = {"application/json": {"schema": _named(name + "Sent")}}
        listed["post"] = _operation(model, f"Create: {name}", "201", _wrapped("result", _named(name)), body)
    if kind.tasks:
        one["post"] = _task(model)
    found = {f"{_ROOT}/{kind.plural}/{{id}}": one, f"{_ROOT}/{kind.plural}": listed}
    for parent in kind.parents:
        if parent in BY_PLURAL:
            found[f"{_ROOT}/{parent}/{{id}}/{kind.plural}"] = {"parameters": [_ID], **listed}
    return found


def _reading(model: type[Item], answer: dict[str, Any], *, listed: bool = False) -> dict[str, Any]:
    flags = ["definitions", "tasks", "resources", "noData", *(("disabled",) if listed else ())]
    asked: list[dict[str, Any]] = [
        {"name": flag, "in": "query", "schema": {"type": "string"}, "allowEmptyValue": True} for flag in flags
    ]
    asked.append({"name": "includeChildren", "in": "query", "schema": {"type": "string"}})
    if listed:
        asked.append({"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 0}})
        asked.append({"name": "size", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 10_000}})
    operation = _operation(model, f"{'List' if listed else 'Read'}: {model.__name__}", "200", answer)
    return {**operation, "parameters": asked}


def _task(model: type[Item]) -> dict[str, Any]:
    task = {"name": "task", "in": "query", "required": True, "schema": {"enum": list(model.kind.tasks)}}
    body = {"application/json": {"schema": {"type": "object"}}}
    return {**_operation(model, f"Task: {model.__name__}", "200", {"type": "object"}, body), "parameters": [task]}


def _operation(
    model: type[Item], summary: str, status: str, answer: dict[str, Any], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    failure = {"description": "Why not", "content": {"application/json": {"schema": _named("Error")}}}
    operation: dict[str, Any] = {
        "tags": [model.kind.plural],
        "summary": summary,
        "responses": {
            status: {"description": "Done", "content": {"application/json": {"schema": answer}}},
            "default": failure,
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _wrapped(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}}


def _named(name: str) -> dict[str, Any]:
    return {"$ref": _REF + name}


_PATH_SCHEMA = {"type": "object", "properties": {"type": {"type": "string"}, "id": {"type": "string"}}}
_RELATIONS = {"type": "object", "properties": {"self": _PATH_SCHEMA, "parent": _PATH_SCHEMA}, "required": ["self"]}
_DETAIL = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("errorText", "errorTextId", "propertyName")},
    "required": ["errorText"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"httpCode": {"type": "integer"}, "details": {"type": "array", "items": _DETAIL}},
            "required": ["httpCode", "details"],
        }
    },
    "required": ["error"],
}
