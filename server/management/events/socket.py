"""One connection to the Events and State WebSocket (XProtect 2023 R3's protocol), until it closes."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

from pydantic import ValidationError
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from common.api.site_events import SiteEvent
from common.foundation.catalog import text
from common.foundation.errors import NotSignedIn, VmsError
from common.foundation.ids import new_id
from common.net.tokens import Principal
from server.management.events.commands import (
    COMMANDS,
    SUBPROTOCOL,
    AddSubscription,
    Authenticate,
    Command,
    GetState,
    RemoveSubscription,
    StartSession,
    answer,
    refusal,
    shown,
)
from server.management.events.filters import Subscription
from server.management.events.journal import EventJournal
from server.management.events.sessions import (
    INACTIVE_S,
    MOST_SUBSCRIPTIONS,
    EventSession,
    EventSessions,
    TooManySessions,
)

log = logging.getLogger(__name__)

SIGN_IN_S = 10.0
MOST_TOLD = 500  # events in one message
NOT_JSON, SIGNED_OUT, FAILED, LEFT_BEHIND = 1007, 1008, 1011, 1013
"""Close codes (RFC 6455, 7.4.1; 1013 is in IANA's registry)."""

Seen = Callable[[Principal, Sequence[SiteEvent]], Awaitable[list[SiteEvent]]]


class _Close(Exception):
    """The connection is to be closed with this code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class EventSocket:
    """Serves one WebSocket."""

    def __init__(
        self,
        socket: WebSocket,
        journal: EventJournal,
        sessions: EventSessions,
        *,
        verify: Callable[[str], Awaitable[Principal]],
        seen: Seen,
        told: Seen,
    ) -> None:
        """`verify` says who a token speaks for, or raises NotSignedIn; `seen` which events a user may know of, and
        `told` the same for those that have just happened."""
        self._socket = socket
        self._journal = journal
        self._sessions = sessions
        self._verify = verify
        self._seen = seen
        self._told = told
        self._session: EventSession | None = None
        self._started = asyncio.Event()
        self._signed_out = asyncio.Event()
        self.principal: Principal | None = None

    def sign_out(self) -> None:
        """The token was taken back: close soon."""
        self._signed_out.set()

    async def run(self) -> None:
        """Serve until the client goes, or must go."""
        scheme, _, token = self._socket.headers.get("authorization", "").partition(" ")
        if token:
            try:
                self.principal = await self._verify(token.strip() if scheme.lower() == "bearer" else "")
            except VmsError as failed:
                status = HTTPStatus.UNAUTHORIZED if isinstance(failed, NotSignedIn) else HTTPStatus.SERVICE_UNAVAILABLE
                await self._socket.send_denial_response(Response(status_code=status))
                return
        offered = self._socket.scope.get("subprotocols", ())
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="events listen")
                tasks.create_task(self._tell(), name="events tell")
                tasks.create_task(self._watch_token(), name="events token")
        except* WebSocketDisconnect:
            log.debug("event client gone")
        except* VmsError as failed:  # the database is away: the client comes back, and its session is still there
            log.warning("event client sent away", extra={"reason": str(failed.exceptions[0])})
            await self._close(FAILED, "the server cannot look this up now")
        except* _Close as closing:
            first = closing.exceptions[0]
            assert isinstance(first, _Close)
            await self._close(first.code, str(first))
        finally:
            if self._session is not None:
                if self._signed_out.is_set():
                    self._sessions.end(self._session)
                else:
                    self._sessions.leave(self._session)

    async def _close(self, code: int, why: str) -> None:
        if self._socket.client_state is WebSocketState.CONNECTED:
            await self._socket.close(code, why)

    # what the client says

    async def _listen(self) -> NoReturn:
        while True:
            limit_s = SIGN_IN_S if self.principal is None else None
            try:
                async with asyncio.timeout(limit_s):
                    message = await self._socket.receive()
            except TimeoutError:
                raise _Close(SIGNED_OUT, "not signed in") from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1000))
            await self._say(await self._answer(message.get("text") or ""))

    async def _answer(self, said: str) -> dict[str, Any]:
        try:
            given = json.loads(said)
        except (ValueError, RecursionError):
            raise _Close(NOT_JSON, "this is no JSON") from None
        number = given.get("commandId") if isinstance(given, dict) else None
        if not isinstance(number, int | str):
            number = None
        try:
            command = COMMANDS.validate_python(given)
        except ValidationError as wrong:
            return refusal(number, 400, _what_is_wrong(wrong))
        return await self._obey(command)

    async def _obey(self, command: Command) -> dict[str, Any]:
        if isinstance(command, Authenticate):
            return await self._authenticate(command)
        if self.principal is None:
            return refusal(command.id, 401, text("events.sign_in_first"))
        if isinstance(command, StartSession):
            return self._start(command, self.principal)
        if self._session is None:
            return refusal(command.id, 400, text("events.no_session"))
        if isinstance(command, AddSubscription):
            return _subscribe(command, self._session)
        if isinstance(command, RemoveSubscription):
            return _unsubscribe(command, self._session)
        return await self._states(command, self._session, self.principal)

    async def _authenticate(self, command: Authenticate) -> dict[str, Any]:
        if self.principal is not None:
            return refusal(command.id, 400, text("events.signed_in_already"))
        scheme, _, token = command.token.partition(" ")
        try:
            self.principal = await self._verify(token.strip() if scheme.lower() == "bearer" else command.token)
        except NotSignedIn:
            return refusal(command.id, 401, text("events.token_refused"))
        return answer(command.id, 200)

    def _start(self, command: StartSession, who: Principal) -> dict[str, Any]:
        if self._session is not None:
            return refusal(command.id, 400, text("events.session_already"))
        session = self._resumed(command, who) if command.session_id else None
        status = 201 if session is None else 200
        if session is None:
            try:
                session = self._sessions.start(str(who.user_id), self._journal.last)
            except TooManySessions:
                return refusal(command.id, 503, text("events.too_many"))
        self._session = session
        self._started.set()
        return answer(command.id, status, sessionId=session.id, inactiveTimeoutSeconds=INACTIVE_S)

    def _resumed(self, command: StartSession, who: Principal) -> EventSession | None:
        session = self._sessions.resume(command.session_id, str(who.user_id))
        if session is None:
            return None
        if command.event_id:
            number = self._journal.number_of(command.event_id)
            session.at = -1 if number is None else number
        if self._journal.after(session.at, 0) is None:  # some of what it missed is not known any more
            self._sessions.end(session)
            return None
        return session

    async def _states(self, command: GetState, session: EventSession, who: Principal) -> dict[str, Any]:
        wanted = [event for event in self._journal.states() if session.wants(event)]
        return answer(command.id, 200, states=[shown(event) for event in await self._seen(who, wanted)])

    # what the client is told

    async def _tell(self) -> NoReturn:
        await self._started.wait()
        session = self._session
        assert session is not None
        while True:
            following = self._journal.next()
            events = self._journal.after(session.at, MOST_TOLD)
            if events is None:
                self._sessions.end(session)
                raise _Close(LEFT_BEHIND, "too slow: ask for the states in a new session")
            if not events:
                await following.wait()
                continue
            wanted = [event for event in events if session.wants(event)]
            if wanted and self.principal is not None:
                told = await self._told(self.principal, wanted)
                if told:
                    await self._say({"events": [shown(event) for event in told]})
            session.at += len(events)  # once it is out: a session that is taken up goes on here

    async def _watch_token(self) -> NoReturn:
        await self._signed_out.wait()
        raise _Close(SIGNED_OUT, "signed out")

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message, separators=(",", ":")))


def _subscribe(command: AddSubscription, session: EventSession) -> dict[str, Any]:
    identifier = command.subscription_id or new_id()
    if identifier not in session.subscriptions and len(session.subscriptions) >= MOST_SUBSCRIPTIONS:
        return refusal(command.id, 400, text("events.too_many_subscriptions", most=MOST_SUBSCRIPTIONS))
    session.subscriptions[identifier] = Subscription(command.filters)
    return answer(command.id, 200, subscriptionId=identifier)


def _unsubscribe(command: RemoveSubscription, session: EventSession) -> dict[str, Any]:
    if session.subscriptions.pop(command.subscription_id, None) is None:
        return refusal(command.id, 404, text("events.no_subscription"))
    return answer(command.id, 200)


def _what_is_wrong(wrong: ValidationError) -> str:
    first = wrong.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
