"""What answers look like: compact JSON, failures in the error envelope, request bodies within limits."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from common.foundation.catalog import explain
from common.foundation.errors import NotPermitted, NotSignedIn, ServerUnreachable, StorageError, VmsError
from common.model.item import problems_of
from common.net.certificates import BadCertificate
from server.management.api.tasks import TooManyTasks
from server.management.configuration.items import InvalidProperties, NoSuchItem, VersionConflict
from server.management.database.lease import LeaseLost
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway
from server.management.history.book import CannotRestore
from server.management.identity.accounts import LastAdministrator
from server.management.identity.refusals import DirectoryUnavailable, GrantRefused

AnyMessage = TypeVar("AnyMessage", bound=BaseModel)

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 1024 * 1024
DATABASE_FAILED = (
    "The configuration database did not answer; nothing was changed. Look at disk space and at the server's log."
)
_NO_PERMISSION = "You do not have sufficient permissions to complete the operation."


class UnknownResource(VmsError):
    """No such path."""

    message_key = "error.unknown_resource"


class BadRequest(VmsError):
    """A request that we cannot make sense of."""

    message_key = "error.bad_request"


class BodyTooLarge(BadRequest):
    """More than any request of ours needs."""


class OperationFailed(VmsError):
    """One of several operations failed, and nothing was done: `operation` is its place, `cause` what was wrong."""

    def __init__(self, operation: int, cause: VmsError) -> None:
        super().__init__(f"operation {operation}: {cause}")
        self.operation = operation
        self.cause = cause


class WrongMethod(BadRequest):
    """The resource is there, but not for this."""


_NOTHING: Mapping[str, object] = MappingProxyType({})


def failure(
    status: int, rows: Mapping[str, str], text_id: str = "", more: Mapping[str, object] = _NOTHING
) -> JSONResponse:
    """Return the error envelope; `rows` are texts by property, "" for none; `more` stands beside them."""
    details: list[dict[str, str]] = []
    for name, text in rows.items():
        detail = {"errorText": text}
        if text_id:
            detail["errorTextId"] = text_id
        if name:
            detail["propertyName"] = name
        details.append(detail)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"error": {"httpCode": status, "details": details, **more}}, status, headers)


def failed(error: VmsError) -> Response:
    """Return what a failure means to a client."""
    match error:
        case GrantRefused():
            if isinstance(error, DirectoryUnavailable):
                log.error("directory unavailable", extra={"cause": error.detail, **error.more})
            status = HTTPStatus.SERVICE_UNAVAILABLE if error.error == "temporarily_unavailable" else 400
            body = {"error": error.error, "error_description": error.description, "error_code": error.code}
            return JSONResponse({**body, **error.more}, status, {"Cache-Control": "no-store"})
        case InvalidProperties():
            return failure(HTTPStatus.BAD_REQUEST, error.problems)
        case NotSignedIn():
            return failure(HTTPStatus.UNAUTHORIZED, {"": f"Token validation failed: {error}."})
        case NotPermitted():
            text = _NO_PERMISSION if not str(error) else f"{_NO_PERMISSION} ({error})"
            return failure(HTTPStatus.FORBIDDEN, {"": text}, "VMO61008")
        case NoSuchItem():
            return failure(HTTPStatus.NOT_FOUND, {"": f"Item not found. {error}"}, "VMO61008")
        case UnknownResource():
            return failure(HTTPStatus.NOT_FOUND, {"": f"Unknown resource: {error}"})
        case VersionConflict():
            return failure(HTTPStatus.PRECONDITION_FAILED, {"": explain(error)}, more=_versions(error))
        case CannotRestore():
            return failure(HTTPStatus.CONFLICT, {"": explain(error)})
        case OperationFailed():
            inner = failed(error.cause)
            body = json.loads(bytes(inner.body))
            return JSONResponse({**body, "operation": error.operation}, inner.status_code)
        case WrongMethod():
            return failure(HTTPStatus.METHOD_NOT_ALLOWED, {"": str(error)})
        case BodyTooLarge():
            return failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"": str(error)})
        case LastAdministrator():
            return failure(HTTPStatus.BAD_REQUEST, {"": explain(error)})
        case BadRequest() | BadCertificate():
            return failure(HTTPStatus.BAD_REQUEST, {"": str(error)})
        case DatabaseAway() | LeaseLost():
            return _later(failure(HTTPStatus.SERVICE_UNAVAILABLE, {"": explain(error)}))
        case TooManyTasks() | StorageError() | ServerUnreachable():
            log.error("request failed", extra={"cause": str(error)})
            return failure(HTTPStatus.SERVICE_UNAVAILABLE, {"": explain(error)})
        case _:
            log.error("request failed", extra={"cause": str(error)})
            return failure(HTTPStatus.INTERNAL_SERVER_ERROR, {"": explain(error)})


def _versions(error: VersionConflict) -> dict[str, object]:
    """The version that the caller expected and the one that there is, where the conflict tells."""
    return {name: error.params[name] for name in ("expected", "current") if name in error.params}


def _later(answer: JSONResponse) -> JSONResponse:
    """Say when to ask again (RFC 9110, 10.2.3)."""
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


async def on_vms_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VmsError)
    return failed(error)


async def on_database_error(_request: Request, error: Exception) -> Response:
    log.error("configuration database failed", exc_info=error)
    return _later(failure(HTTPStatus.SERVICE_UNAVAILABLE, {"": DATABASE_FAILED}))


async def on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return failed(UnknownResource(str(request.scope.get("vedette.path", ""))))
    return failure(error.status_code, {"": error.detail})


async def on_bug(_request: Request, _error: Exception) -> Response:
    text = "The server made a mistake and has written it to its log; nothing was changed. Please report it."
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, {"": text})


HANDLERS = {
    VmsError: on_vms_error,
    SQLAlchemyError: on_database_error,
    HTTPException: on_http_error,
    Exception: on_bug,
}


async def read_body(request: Request, most_bytes: int = MOST_BODY_BYTES) -> bytes:
    """Return the body; raise BodyTooLarge, or BadRequest when the client went away."""
    body = bytearray()
    try:
        async for block in request.stream():
            body += block
            if len(body) > most_bytes:
                raise BodyTooLarge(f"The request is larger than {most_bytes} bytes.")
    except ClientDisconnect as error:
        raise BadRequest("The request was broken off.") from error
    return bytes(body)


async def read_object(request: Request) -> dict[str, Any]:
    """Return the body's JSON object ({} for none); raise BadRequest."""
    body = await read_body(request)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The request is not valid JSON.") from error
    if not isinstance(value, dict):
        raise BadRequest("The request is not a JSON object.")
    return value


def read_message(model: type[AnyMessage], body: bytes) -> AnyMessage:
    """Return a message of `common.api`; raise InvalidProperties."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidProperties(problems_of(error)) from error
