"""The whole HTTP interface of the management server."""

from typing import Any

import orjson
from fastapi import FastAPI
from starlette.responses import Response

from common.api import service_channel
from server.management.api import (
    account,
    audit,
    authorize,
    external_sign_in,
    idp,
    internal,
    openapi,
    rest,
    snapshot,
    soap,
    well_known,
)
from server.management.api.answers import HANDLERS
from server.management.api.plain_paths import PlainPaths
from server.management.api.security_headers import SecurityHeaders
from server.management.api.visitors import Visitors
from server.management.channel.switchboard import Switchboard
from server.management.events import commands as events
from server.management.events.hub import EventHub
from server.management.services import Services


def application(services: Services, switchboard: Switchboard, hub: EventHub) -> FastAPI:
    """Return the ASGI application."""
    handlers: dict[Any, Any] = dict(HANDLERS)
    app = FastAPI(
        title="Vedette management",
        exception_handlers=handlers,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(PlainPaths)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Visitors)
    for prefix in idp.PREFIXES:
        app.include_router(idp.router(services), prefix=prefix)
        app.include_router(authorize.router(services), prefix=prefix)
    app.include_router(external_sign_in.router(services))
    app.include_router(well_known.router(services))
    app.include_router(internal.router(services))
    app.include_router(account.router(services))
    app.include_router(audit.router(services))
    app.include_router(snapshot.router(services, switchboard.journal))
    app.include_router(rest.router(services))
    app.include_router(soap.router(services))
    app.add_api_route(openapi.PATH, _described, methods=["GET"])
    app.add_api_websocket_route(service_channel.PATH, switchboard.serve)
    app.add_api_websocket_route(events.PATH, hub.serve)
    return app


async def _described() -> Response:
    return Response(orjson.dumps(openapi.document()), media_type="application/json")
