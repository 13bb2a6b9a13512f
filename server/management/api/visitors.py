"""Says of each request where it came from, for the audit log."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.runtime.audit_trail import ORIGIN, Origin


class Visitors:
    """ASGI middleware: the client's address and the name of its program."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            peer = scope.get("client")
            address = str(peer[0]).removeprefix("::ffff:") if peer else ""
            client = "".join(filter(str.isprintable, Headers(scope=scope).get("user-agent", "")))
            ORIGIN.set(Origin(address=address, client=client[:200]))
        await self._app(scope, receive, send)
