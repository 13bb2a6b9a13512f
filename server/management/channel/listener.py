"""One connection to the service channel: signs in, is told what its user may know, ends with its token."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from common.api.service_channel import (
    BAD_MESSAGE,
    CLIENT_MESSAGES,
    HEARTBEAT_S,
    NOT_SIGNED_IN,
    Authenticate,
    Heartbeat,
    Hello,
    Notice,
    Reload,
    Welcome,
)
from common.foundation.errors import NotSignedIn
from common.net.tokens import Principal
from server.management.channel.journal import Journal

log = logging.getLogger(__name__)

SIGN_IN_S = 5.0
EXPIRY_GRACE_S = 60.0


class _Misunderstood(Exception):
    """A message that is none of ours."""


class ChannelListener:
    """Serves one WebSocket until it closes."""

    def __init__(
        self,
        socket: WebSocket,
        journal: Journal,
        verify: Callable[[str], Awaitable[Principal]],
        may_know: Callable[[Principal, Sequence[Notice]], Awaitable[list[Notice]]],
        now_s: Callable[[], float],
    ) -> None:
        """`verify` says who a token speaks for, or raises NotSignedIn; `may_know` which notices a user is told."""
        self._socket = socket
        self._journal = journal
        self._verify = verify
        self._may_know = may_know
        self._now_s = now_s
        self._renewed = asyncio.Event()
        self.principal: Principal | None = None
        """Who listens; None before they signed in, and once their token was taken back."""

    def sign_out(self) -> None:
        """The token was taken back: close soon."""
        self.principal = None
        self._renewed.set()

    async def run(self) -> None:
        """Serve until the client goes, or must go, which it is told by the close code."""
        await self._socket.accept()
        code = 0
        try:
            await self._serve()
        except* WebSocketDisconnect:
            log.debug("listener gone")
        except* NotSignedIn:
            code = NOT_SIGNED_IN
        except* (_Misunderstood, ValidationError):
            code = BAD_MESSAGE
        if code and self._socket.client_state is WebSocketState.CONNECTED:
            await self._socket.close(code)

    async def _serve(self) -> None:
        scheme, _, in_header = self._socket.headers.get("authorization", "").partition(" ")
        try:
            async with asyncio.timeout(SIGN_IN_S):
                hello = await self._received()
        except TimeoutError:
            raise NotSignedIn("nothing was said in 5 s") from None
        if not isinstance(hello, Hello):
            raise _Misunderstood
        token = hello.token or (in_header.strip() if scheme.lower() == "bearer" else "")
        self.principal = await self._verify(token)
        known = self._journal.after(hello.after) if hello.epoch == self._journal.epoch else None
        resumed = known is not None
        at = hello.after if resumed else self._journal.last
        await self._say(Welcome(epoch=self._journal.epoch, last=self._journal.last, resumed=resumed))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="channel listen")
            tasks.create_task(self._tell(at), name="channel tell")
            tasks.create_task(self._watch_token(), name="channel token")

    async def _received(self) -> Hello | Authenticate:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        return CLIENT_MESSAGES.validate_json(message.get("text") or b"")

    async def _listen(self) -> NoReturn:
        while True:
            message = await self._received()
            if not isinstance(message, Authenticate):
                raise _Misunderstood
            principal = await self._verify(message.token)
            before, self.principal = self.principal, principal
            self._renewed.set()
            if before is not None and before.roles != principal.roles:
                await self._say(Reload(last=self._journal.last))

    async def _tell(self, at: int) -> NoReturn:
        while True:
            following = self._journal.next()
            notices = self._journal.after(at)
            if notices is None:
                at = self._journal.last
                await self._say(Reload(last=at))
                continue
            at += len(notices)
            if notices and self.principal is not None:
                for notice in await self._may_know(self.principal, notices):
                    await self._say(notice)
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await following.wait()
            except TimeoutError:
                await self._say(Heartbeat(last=at))

    async def _watch_token(self) -> NoReturn:
        while True:
            self._renewed.clear()
            if self.principal is None:
                raise NotSignedIn("the token was taken back")
            left_s = self.principal.expires_at_s + EXPIRY_GRACE_S - self._now_s()
            if left_s <= 0:
                raise NotSignedIn("the token has expired")
            try:
                async with asyncio.timeout(left_s):
                    await self._renewed.wait()
            except TimeoutError:
                continue

    async def _say(self, message: BaseModel) -> None:
        await self._socket.send_text(message.model_dump_json())
