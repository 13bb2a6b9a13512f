"""Signing in in the browser for a desktop program (RFC 8252): a page to open, a listener on loopback for the answer.

That is the way in for users of login providers, which no program of ours may ask for their password.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlencode, urlsplit

from common.api.programs import ANY_PROGRAM
from common.clients.sign_in import SignInRefused
from common.foundation.catalog import text

WAIT_S = 300.0
_STEP_S = 0.2
_PATH = "/signed-in"
_MOST_REQUESTS = 100


@dataclass(frozen=True, slots=True, repr=False)
class BrowserCode:
    """What the browser came back with, and what turns it into tokens."""

    code: str
    verifier: str
    redirect_uri: str


class BrowserSignIn:
    """One attempt. A context manager: inside, it listens, and `url` is the page to open."""

    def __init__(self, server_url: str, client_id: str = ANY_PROGRAM) -> None:
        self._client_id = client_id
        self.url = ""
        self._server_url = server_url
        self._verifier = secrets.token_urlsafe(48)
        self._state = secrets.token_urlsafe(32)
        self._answer: dict[str, str] | None = None
        self._cancelled = threading.Event()
        self._listener: HTTPServer | None = None
        self._redirect_uri = ""

    def __enter__(self) -> "BrowserSignIn":
        self._listener = HTTPServer(("127.0.0.1", 0), self._handler())
        self._listener.timeout = _STEP_S
        self._redirect_uri = f"http://127.0.0.1:{self._listener.server_port}{_PATH}"
        digest = hashlib.sha256(self._verifier.encode()).digest()
        wanted = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile managementserver offline_access",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "state": self._state,
        }
        self.url = f"{self._server_url}/idp/connect/authorize?{urlencode(wanted)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.server_close()

    def cancel(self) -> None:
        """End the waiting soon; from any thread."""
        self._cancelled.set()

    def wait(self, timeout_s: float = WAIT_S) -> BrowserCode:
        """Block until the browser comes back; raise SignInRefused when it does not, or brings a refusal."""
        assert self._listener is not None  # entered
        for _ in range(int(timeout_s / _STEP_S) + _MOST_REQUESTS):
            if self._cancelled.is_set() or self._answer is not None:
                break
            self._listener.handle_request()
        answer = self._answer
        if answer is None:
            raise SignInRefused("the browser did not come back")
        if not answer.get("code"):
            raise SignInRefused(f"the sign-in page said: {answer.get('error_description') or answer.get('error', '')}")
        return BrowserCode(answer["code"], self._verifier, self._redirect_uri)

    def _take(self, target: str) -> bool:
        """Take an answer; False: it is none of ours."""
        parts = urlsplit(target)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != _PATH or not hmac.compare_digest(given.get("state", "").encode(), self._state.encode()):
            return False
        self._answer = given
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        attempt = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 2  # a connection that says nothing must not hold up the browser's

            def do_GET(self) -> None:
                taken = attempt._take(self.path)
                said = text("ui.browser_done" if taken else "ui.browser_not_ours")
                body = f"<!DOCTYPE html><title>Vedette</title><p>{said}</p>".encode()
                self.send_response(200 if taken else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", "default-src 'none'")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
                """Say nothing: the address holds the code."""

        return Handler
