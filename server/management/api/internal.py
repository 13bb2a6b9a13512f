"""What only our own programs use: first start, daemons joining, and recorders' configuration."""

import asyncio
import math
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.api.enrolment import EnrolReply, EnrolRequest, RecorderStatus, RenewReply, RenewRequest
from common.api.recorder_configuration import RecorderConfiguration
from common.api.site_events import EventBatch, EventReceipt
from server.management.api.answers import BadRequest, read_body, read_message, read_object
from server.management.api.callers import caller, need_administrator, need_recorder
from server.management.configuration.items import InvalidProperties
from server.management.services import Services

LONGEST_WAIT_S = 30.0


def router(services: Services) -> APIRouter:
    """Return the routes below `/api/internal/v1`."""
    routes = APIRouter(prefix="/api/internal/v1")
    run = services.database_pool.run

    @routes.post("/setup")
    async def setup(request: Request) -> Response:
        body = await read_object(request)
        code, user = body.get("code"), body.get("user")
        if not isinstance(code, str) or not isinstance(user, str):
            raise InvalidProperties({"code": "Set-up code and user name are required."})
        first = services.first_administrator
        first.check_code(code)
        password_hash = await services.password_pool.run(first.hash_for, user, body.get("password"))
        await run(_create_first, services, user, password_hash)
        return JSONResponse({"result": {"state": "Success"}}, HTTPStatus.CREATED)

    @routes.get("/setup")
    async def setup_needed() -> Response:
        return JSONResponse({"data": {"needed": await run(_needs_setup, services)}})

    @routes.post("/enrolment-tokens")
    async def enrolment_token(request: Request) -> Response:
        need_administrator(await caller(services, request), "create an enrolment token")
        token, expires_s = await run(_create_token, services)
        return JSONResponse({"data": {"token": token, "expiresAt": expires_s}}, HTTPStatus.CREATED)

    @routes.post("/enrol")
    async def enrol(request: Request) -> Response:
        message = read_message(EnrolRequest, await read_body(request))
        return _message(await run(_enrol, services, message))

    @routes.post("/recorders/{recorder_id}/certificate")
    async def certificate(recorder_id: str, request: Request) -> Response:
        need_recorder(await caller(services, request), recorder_id)
        message = read_message(RenewRequest, await read_body(request))
        return _message(await run(_renew, services, recorder_id, message))

    @routes.post("/recorders/{recorder_id}/status")
    async def status(recorder_id: str, request: Request) -> Response:
        need_recorder(await caller(services, request), recorder_id)
        message = read_message(RecorderStatus, await read_body(request))
        await run(_keep_status, services, recorder_id, message)
        peer = request.client.host if request.client else ""
        services.statuses.reported(
            recorder_id, peer.removeprefix("::ffff:") in services.own_addresses, message.storages
        )
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.post("/recorders/{recorder_id}/events")
    async def happened(recorder_id: str, request: Request) -> Response:
        need_recorder(await caller(services, request), recorder_id)
        batch = read_message(EventBatch, await read_body(request))
        own = await run(_own_sources, services, recorder_id.lower(), batch)
        whole = services.events.take(recorder_id.lower(), batch, own)
        return _message(EventReceipt(whole=whole))

    @routes.get("/recorders/{recorder_id}/configuration")
    async def configuration(recorder_id: str, request: Request) -> Response:
        need_recorder(await caller(services, request), recorder_id)
        after = int(_number(request, "after", -1))
        document = await _wait_for(services, recorder_id, after, min(_number(request, "wait", 0), LONGEST_WAIT_S))
        return Response(status_code=HTTPStatus.NO_CONTENT) if document is None else _message(document)

    return routes


async def _wait_for(services: Services, recorder_id: str, after: int, wait_s: float) -> RecorderConfiguration | None:
    """Return the document once its version is not `after`: a lower one means a restored database, so it counts too."""
    deadline_s = services.clock.monotonic_s() + wait_s
    while True:
        change = services.changes.next()
        document = await services.database_pool.run(_document, services, recorder_id, after)
        left_s = deadline_s - services.clock.monotonic_s()
        if document is not None or left_s <= 0 or services.changes.closing:
            return document
        try:
            async with asyncio.timeout(left_s):
                await change.wait()
        except TimeoutError:
            return None


def _document(services: Services, recorder_id: str, after: int) -> RecorderConfiguration | None:
    with services.database.read() as session:
        if services.feed.version(session) == after:
            return None
        return services.feed.document(session, recorder_id, services.clock.now_us() / 1e6)


def _create_first(services: Services, user: str, password_hash: str) -> None:
    with services.database.write() as session:
        services.first_administrator.create(session, user, password_hash)


def _needs_setup(services: Services) -> bool:
    with services.database.read() as session:
        return services.accounts.administrators(session) == 0


def _create_token(services: Services) -> tuple[str, int]:
    with services.database.write() as session:
        return services.enrolment.create_token(session)


def _enrol(services: Services, message: EnrolRequest) -> EnrolReply:
    with services.database.write() as session:
        return services.enrolment.enrol(session, message)


def _renew(services: Services, recorder_id: str, message: RenewRequest) -> RenewReply:
    with services.database.write() as session:
        return services.enrolment.renew(session, recorder_id, message)


def _keep_status(services: Services, recorder_id: str, message: RecorderStatus) -> None:
    with services.database.read() as session:
        if not services.enrolment.differs(session, recorder_id, message):
            return
    with services.database.write() as session:
        services.enrolment.keep_status(session, recorder_id, message)


def _number(request: Request, name: str, absent: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return absent
    try:
        number = float(text)
    except ValueError as error:
        raise BadRequest(f"{name} is not a number.") from error
    if not math.isfinite(number) or number < -1:
        raise BadRequest(f"{name} is not a number from 0.")
    return number


def _own_sources(services: Services, recorder_id: str, batch: EventBatch) -> frozenset[str]:
    """Return those of a batch's sources that belong to the recorder: it speaks for no other's."""
    sources = {each.source_id for each in (*batch.events, *batch.states)}
    with services.database.read() as session:
        return frozenset(each for each in sources if recorder_id in services.authority.within(session, each))


def _message(message: EnrolReply | RenewReply | RecorderConfiguration | EventReceipt) -> Response:
    return Response(message.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})
