"""Makes one spelling of a path out of the many that existing clients use."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile(r"/{2,}")


class PlainPaths:
    """Lower case, single slashes, none at the end; the original stays in `scope["vedette.path"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            original = _SLASHES.sub("/", scope["path"]).rstrip("/") or "/"
            path = original.lower()
            scope = {**scope, "path": path, "raw_path": path.encode("utf-8", "replace"), "vedette.path": original}
        await self._app(scope, receive, send)
