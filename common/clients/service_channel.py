"""A client's ear on the service channel: a thread that stays connected, resumes, and tells what it hears."""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from socket import SHUT_RDWR
from urllib.parse import urlsplit

from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from common.api.service_channel import (
    HEARTBEAT_S,
    NOT_SIGNED_IN,
    PATH,
    SERVER_MESSAGES,
    Authenticate,
    Heartbeat,
    Hello,
    Notice,
    Reload,
    Welcome,
)
from common.foundation.backoff import Backoff
from common.foundation.errors import NotSignedIn, ProtocolError, ServerUnreachable, VmsError
from common.net.tls import pinned_context

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_SILENT_S = 2.5 * HEARTBEAT_S
_MOST_MESSAGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Missed:
    """What happened before is not known: read the site again. Told at each connection that could not be resumed."""


@dataclass(frozen=True, slots=True)
class Connected:
    """From now on nothing is missed."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended, or could not be made. It is tried again for as long as there are tokens: with NotSignedIn
    it was refused one, and some request to the server will show whether the session is over."""

    error: VmsError


Told = Connected | Missed | Notice | Lost


class ServiceChannelClient:
    """Listens from `start` to `stop`. `told` is called in the listening thread and must return at once."""

    def __init__(self, base_url: str, ca_pem: str, token: Callable[[], str], told: Callable[[Told], None]) -> None:
        """`ca_pem` is the site's authority. `token` gives an access token that is good for a while; it may block, and
        raise a VmsError.
        """
        parts = urlsplit(base_url)
        self._uri = f"wss://{parts.netloc}{PATH}"
        self._server = parts.netloc
        self._ca_pem = ca_pem
        self._token = token
        self._told = told
        self._epoch, self._last = "", 0
        self._stopping = threading.Event()
        self._telling = threading.Lock()
        self._socket: ClientConnection | None = None
        self._thread = threading.Thread(target=self._run, name="service channel", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hang up. Nothing is told any more once this returns; the thread ends soon after."""
        with self._telling:
            self._stopping.set()
        socket = self._socket
        if socket is not None:
            with contextlib.suppress(OSError):  # it has just ended by itself
                socket.socket.shutdown(SHUT_RDWR)

    def _tell(self, told: Told) -> None:
        with self._telling:
            if not self._stopping.is_set():
                self._told(told)

    def _run(self) -> None:
        retry = Backoff(0.5, 10.0)
        while not self._stopping.is_set():
            try:
                token = self._token()
            except NotSignedIn as error:
                self._tell(Lost(error))
                return
            except VmsError as error:
                self._tell(Lost(error))
            else:
                self._listen_until_lost(token, retry)
            self._stopping.wait(retry.next_s())

    def _listen_until_lost(self, token: str, retry: Backoff) -> None:
        """A token that was refused is no reason to end: whoever hears of it may find another one."""
        try:
            self._listen(token, retry)
        except VmsError as error:
            self._tell(Lost(error))

    def _listen(self, token: str, retry: Backoff) -> None:
        """Connect and listen until the connection ends; raise what ended it as a VmsError."""
        context = pinned_context(self._ca_pem)
        try:
            with connect(
                self._uri,
                ssl=context,
                open_timeout=_CONNECT_S,
                close_timeout=1.0,
                max_size=_MOST_MESSAGE_BYTES,
                proxy=None,
                compression=None,
            ) as socket:
                self._socket = socket
                socket.send(Hello(token=token, epoch=self._epoch, after=self._last).model_dump_json())
                while True:
                    self._heard(SERVER_MESSAGES.validate_json(socket.recv(_SILENT_S)), retry)
                    fresh = self._token()
                    if fresh != token:
                        socket.send(Authenticate(token=fresh).model_dump_json())
                        token = fresh
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == NOT_SIGNED_IN:
                raise NotSignedIn("the server has ended the session") from closed
            raise ServerUnreachable(str(closed), server=self._server) from closed
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as failed:
            raise ServerUnreachable(str(failed), server=self._server) from failed
        except ValidationError as garbage:
            raise ProtocolError("the service channel was not understood", peer=self._server) from garbage
        finally:
            self._socket = None

    def _heard(self, message: Welcome | Notice | Heartbeat | Reload, retry: Backoff) -> None:
        if isinstance(message, Welcome):
            retry.succeeded()
            if not message.resumed:
                self._epoch, self._last = message.epoch, message.last
                self._tell(Missed())
            self._tell(Connected())
        elif isinstance(message, Notice):
            self._last = message.number
            self._tell(message)
        else:
            self._last = message.last
            if isinstance(message, Reload):
                self._tell(Missed())
