"""A management server that waits for its turn: says that another one serves, and takes over when that one is gone."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from common.api.serving import STANDBY_HEADER, STATE_PATH, ServingState
from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.logs import RepeatingFault
from common.foundation.pools import BoundedPool
from common.net.tls import CA_PATH
from server.management.database.lease import BEAT_S, LOOK_S, Lease
from server.management.database.outage import DatabaseAway

log = logging.getLogger(__name__)

_TRY_AGAIN_LATER = 1013  # RFC 6455's registry of close codes


class Front:
    """What the port leads to: first the sign that says who serves, later the whole server."""

    def __init__(self, ca_pem: str) -> None:
        self._ca_pem = ca_pem
        self._app: ASGIApp | None = None
        self.active_address = ""
        """Who serves while we stand by, as far as we know."""

    def serve(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", "")).rstrip("/").lower()
        if scope["type"] == "http" and path == STATE_PATH:
            state = ServingState(state="standby" if self._app is None else "active", active=self.active_address)
            await Response(state.model_dump_json(), media_type="application/json")(scope, receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})
        elif path == CA_PATH.lower():
            await Response(self._ca_pem, media_type="application/x-pem-file")(scope, receive, send)
        else:
            await self._refer(Request(scope, receive))(scope, receive, send)

    def _refer(self, request: Request) -> Response:
        """Say who serves. A read may follow at once; anything else is for the client to send again."""
        text = "This management server stands by; "
        text += f"{self.active_address} serves." if self.active_address else "none serves at the moment."
        details = [{"errorText": text, "errorTextId": "VedetteStandby"}]
        headers = {"Retry-After": "1", STANDBY_HEADER: self.active_address or "-", "Cache-Control": "no-store"}
        body = {"error": {"httpCode": HTTPStatus.SERVICE_UNAVAILABLE.value, "details": details}}
        return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE, headers)


async def wait_for_lease(lease: Lease, front: Front, thread: BoundedPool, clock: Clock) -> None:
    """Return once this process is the one that serves. A database that is away is waited for."""
    fault = RepeatingFault(log, "cannot look who serves", clock)

    def look() -> bool:
        if lease.try_take():
            return True
        holder = lease.holder()
        front.active_address = "" if holder is None else holder.address
        return False

    while True:
        try:
            if await thread.run(look):
                return
            fault.ended()
        except VmsError as failed:
            fault.happened(failed)
        await clock.sleep(LOOK_S)


async def keep_lease(lease: Lease, thread: BoundedPool, clock: Clock, late: Callable[[float], None]) -> None:
    """Show that we live, until cancelled; raises LeaseLost when another process serves."""
    fault = RepeatingFault(log, "lease not renewed", clock)
    while True:
        started_s = clock.monotonic_s()
        try:
            await thread.run(lease.beat)
            fault.ended()
        except DatabaseAway as failed:
            fault.happened(failed)
        await clock.sleep(BEAT_S)
        late(max(0.0, clock.monotonic_s() - started_s - BEAT_S))


def shown_lateness(late_s: float) -> None:
    """Warn when beats come so late that another server may take over though this one works."""
    if late_s > 1.0:
        log.warning("this server is short of time", extra={"late_s": round(late_s, 1)})


async def give_back(lease: Lease) -> None:
    """Let another process take over at once."""
    await asyncio.to_thread(lease.release)
