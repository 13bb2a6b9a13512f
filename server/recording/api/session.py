"""One viewer's connection: signs in, understands what it asks, and ends it with a reason."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from websockets.exceptions import ConnectionClosed

from common.foundation.errors import NotPermitted, NotSignedIn, ProtocolError, VmsError
from common.foundation.ids import DeviceId
from common.model.permissions import Verb
from common.net.tokens import Principal
from common.protocols.media_channel.closing import BAD_MESSAGE, NOT_SIGNED_IN, TOO_MANY, TooManySubscriptions
from common.protocols.media_channel.messages import (
    VERSION,
    Authenticate,
    ClientMessage,
    DeletionConfirm,
    Done,
    ExportControl,
    ExportCreate,
    ExportList,
    GapsQuery,
    Hello,
    Probe,
    Record,
    Sequences,
    SequencesQuery,
    ServerMessage,
    Subscribe,
    TimelineQuery,
    Unsubscribe,
    decode_client,
)
from server.recording.api.answers import request_error
from server.recording.api.devices import NoSuchTrack
from server.recording.api.exports import answer_export
from server.recording.api.locks import LockDesk, LockMessage
from server.recording.api.proof import gaps, timeline
from server.recording.api.sender import Sender
from server.recording.api.services import RecorderServices
from server.recording.api.subscriptions import Subscriptions
from server.recording.api.viewer_socket import MediaSocket
from server.recording.mediadb.contract import Span, TrackKey
from server.runtime.audit_trail import ORIGIN, Origin

log = logging.getLogger(__name__)
audit = logging.getLogger("server.recording.audit")

SIGN_IN_S = 5.0
EXPIRY_GRACE_S = 60.0
_MOST_REQUESTS = 8  # answered at once for one viewer; more wait unread in the socket
_INTERNAL_ERROR = 1011
_CLOSE_CODES: tuple[tuple[type[VmsError], int], ...] = (
    (NotSignedIn, NOT_SIGNED_IN),
    (ProtocolError, BAD_MESSAGE),
    (TooManySubscriptions, TOO_MANY),
)


class ViewerSession:
    """Serves one WebSocket until it closes."""

    def __init__(self, socket: MediaSocket, services: RecorderServices) -> None:
        self._socket = socket
        self._services = services
        self._principal: Principal | None = None
        self._renewed = asyncio.Event()
        self._subscriptions: Subscriptions | None = None
        self._requests = asyncio.Semaphore(_MOST_REQUESTS)
        self._sender = Sender(socket, services.clock)

    @property
    def token_id(self) -> str:
        """`jti` of the token that it is signed in with; empty before."""
        return "" if self._principal is None else self._principal.jti

    def sign_out(self) -> None:
        """Its token was revoked: close soon."""
        self._principal = None
        self._renewed.set()

    def permissions_changed(self) -> None:
        """End what the user may not watch any more."""
        if self._subscriptions is not None:
            self._subscriptions.check(self._principal)

    async def run(self, header_token: str | None) -> None:
        """Serve until the viewer goes, which is no error, or must go, which it is told by the close code."""
        try:
            await self._serve(header_token)
        except ConnectionClosed:
            pass
        except BaseExceptionGroup as failed:
            await self._close(_first_cause(failed))
        except VmsError as failed:
            await self._close(failed)

    async def _serve(self, header_token: str | None) -> None:
        ORIGIN.set(_origin(self._socket))
        self._principal = self._services.tokens.verify(header_token or await self._first_token())
        self._sender.say(Hello(VERSION, self._services.recorder, self._services.clock.now_us()))
        async with asyncio.TaskGroup() as tasks:
            subscriptions = self._subscriptions = Subscriptions(self._services, self._sender, tasks)
            try:
                tasks.create_task(self._sender.run(), name="viewer sender")
                tasks.create_task(self._watch_expiry(), name="viewer expiry")
                await self._receive(subscriptions, tasks)
            finally:
                self._subscriptions = None
                subscriptions.end_all()

    async def _first_token(self) -> str:
        try:
            async with asyncio.timeout(SIGN_IN_S):
                message = decode_client(_text(await self._socket.recv()))
        except TimeoutError:
            raise NotSignedIn("no access token came in 5 s") from None
        if not isinstance(message, Authenticate):
            raise NotSignedIn("the first message was not 'authenticate'")
        return message.token

    async def _receive(self, subscriptions: Subscriptions, tasks: asyncio.TaskGroup) -> NoReturn:
        while True:
            message = decode_client(_text(await self._socket.recv()))
            await self._handle(message, subscriptions, tasks)
            await self._sender.room()

    async def _handle(self, message: ClientMessage, subscriptions: Subscriptions, tasks: asyncio.TaskGroup) -> None:
        if isinstance(message, Subscribe):
            subscriptions.begin(message, self._principal)
        elif isinstance(message, Unsubscribe):
            subscriptions.end(message.sub)
        elif isinstance(message, Authenticate):
            self._principal = self._services.tokens.verify(message.token)
            self._renewed.set()
        elif isinstance(message, SequencesQuery):
            await self._start(tasks, message.id, lambda: self._sequences(message))
        elif isinstance(message, GapsQuery):
            await self._start(tasks, message.id, lambda: gaps(self._services, message, self._principal))
        elif isinstance(message, TimelineQuery):
            await self._start(tasks, message.id, lambda: timeline(self._services, message, self._principal))
        elif isinstance(message, Probe):
            await self._start(tasks, message.id, lambda: self._probe(message))
        elif isinstance(message, Record):
            await self._start(tasks, message.id, lambda: self._record(message))
        elif isinstance(message, (ExportCreate, ExportList, ExportControl)):
            await self._start(tasks, message.id, lambda: self._export(message))
        elif isinstance(message, DeletionConfirm):
            await self._start(tasks, message.id, lambda: self._confirm(message))
        elif isinstance(message, LockMessage):
            await self._start(tasks, message.id, lambda: self._lock(message))
        else:
            subscriptions.steer(message)

    # requests

    async def _start(self, tasks: asyncio.TaskGroup, number: int, work: Callable[[], Awaitable[ServerMessage]]) -> None:
        """Answer a request beside the rest; waits while the viewer has too many unanswered."""
        await self._requests.acquire()
        tasks.create_task(self._answer(number, work), name=f"viewer request {number}")

    async def _answer(self, number: int, work: Callable[[], Awaitable[ServerMessage]]) -> None:
        try:
            answer = await work()
        except VmsError as error:
            answer = request_error(error, number)
        finally:
            self._requests.release()
        self._sender.say(answer)

    async def _sequences(self, query: SequencesQuery) -> Sequences:
        key = TrackKey(query.device, query.track)
        self._services.devices.find(key, removed_too=self._is_administrator)
        self._require(Verb.PLAYBACK, query.device)
        if query.from_us >= query.to_us:
            return Sequences(query.id, ())
        spans = await self._services.recordings.sequences(key, Span(query.from_us, query.to_us), query.limit)
        return Sequences(query.id, tuple((span.start, span.end) for span in spans))

    async def _probe(self, request: Probe) -> ServerMessage:
        if not self._is_administrator:
            raise NotPermitted("connect to new cameras")
        return await self._services.prober.probe(request)

    async def _record(self, request: Record) -> Done:
        if not self._services.devices.has(request.device):
            raise NoSuchTrack(f"no device {request.device}", track="", device=request.device)
        self._require(Verb.RECORD, request.device)
        await self._services.manual.set_manual(request.device, request.on)
        who = {} if self._principal is None else {"user": self._principal.name, "user_id": self._principal.user_id}
        action = "recording started by hand" if request.on else "recording stopped by hand"
        audit.info(action, extra={**who, "item": f"cameras/{request.device}"})
        return Done(request.id)

    async def _export(self, message: ExportCreate | ExportList | ExportControl) -> ServerMessage:
        return await answer_export(
            message, self._services.exports, self._services.devices, self._services.access, self._principal
        )

    async def _confirm(self, message: DeletionConfirm) -> Done:
        who = self._principal
        if who is None or not who.is_administrator:
            raise NotPermitted("confirm a deletion")
        await self._services.deletions.confirm_deletion(message.storage)
        about = {"user": who.name, "user_id": str(who.user_id), "item": f"storages/{message.storage}"}
        audit.warning("deletion confirmed", extra=about)
        return Done(message.id)

    async def _lock(self, message: LockMessage) -> ServerMessage:
        services = self._services
        desk = LockDesk(services.locks, services.devices, services.access, services.clock, self._principal)
        return await desk.answer(message)

    @property
    def _is_administrator(self) -> bool:
        return self._principal is not None and self._principal.is_administrator

    def _require(self, verb: Verb, device: DeviceId) -> None:
        self._services.access.require(self._principal, verb, device)

    # the end

    async def _watch_expiry(self) -> NoReturn:
        """Wait for the token to expire and its grace to pass; a fresh one starts over."""
        while True:
            if self._principal is None:
                raise NotSignedIn("the access token was revoked")
            left_s = self._principal.expires_at_s + EXPIRY_GRACE_S - self._services.clock.now_us() / 1e6
            if left_s <= 0:
                raise NotSignedIn("the access token has expired")
            try:
                async with asyncio.timeout(left_s):
                    await self._renewed.wait()
                self._renewed.clear()
            except TimeoutError:
                continue

    async def _close(self, cause: BaseException) -> None:
        if isinstance(cause, ConnectionClosed):
            return
        code = next((code for kind, code in _CLOSE_CODES if isinstance(cause, kind)), _INTERNAL_ERROR)
        reason = str(cause) if code != _INTERNAL_ERROR else "internal error"
        if code == _INTERNAL_ERROR:
            log.error("viewer session failed", exc_info=cause)
        else:
            log.info("viewer sent away", extra={"code": code, "reason": reason})
        await self._socket.close(code, reason.encode()[:120].decode(errors="ignore"))


def _origin(socket: MediaSocket) -> Origin:
    """Where a viewer is and what its program calls itself, for the audit log."""
    peer = socket.remote_address
    program = "" if socket.request is None else socket.request.headers.get("User-Agent", "")
    return Origin(address=str(peer[0]) if peer else "", client="".join(filter(str.isprintable, program))[:200])


def _first_cause(failed: BaseExceptionGroup) -> BaseException:
    """Of the failures that ended a session's tasks, the first; what a vanished viewer causes counts least."""
    leaves: list[BaseException] = []
    groups: list[BaseException] = [failed]
    while groups:
        one = groups.pop(0)
        if isinstance(one, BaseExceptionGroup):
            groups.extend(one.exceptions)
        else:
            leaves.append(one)
    return next((leaf for leaf in leaves if not isinstance(leaf, ConnectionClosed)), leaves[0])


def _text(received: str | bytes) -> str:
    if isinstance(received, bytes):
        raise ProtocolError("a client sends no binary messages")
    return received
