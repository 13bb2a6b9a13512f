"""HTTPS to the management server for blocking callers: one trusted authority, time-outs, every failure a VmsError."""

import json
import ssl
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from common.api.serving import STANDBY_HEADER
from common.clients.management_values import ChangedMeanwhile, NotFound, ServerFailed, ValidationFailed
from common.clients.sign_in import refusal
from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import NotPermitted, NotSignedIn, ProtocolError, ServerUnreachable, VmsError
from common.net.serving_places import ServingPlaces
from common.net.tls import CertificateNotTrusted, pinned_context

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 15.0
_MOST_ANSWER_BYTES = 32 * 1024 * 1024


class NotSent(ServerUnreachable):
    """No connection was made, so nothing was asked."""


class _PinnedAdapter(HTTPAdapter):
    """Connects with our own context.

    WORKAROUND(requests 2.34): it hands the public authorities' file to urllib3 beside any context, which would then
    trust those as well; so its own choice is taken out again.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=2, pool_maxsize=8)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> Any:
        host, chosen = super().build_connection_pool_key_attributes(request, verify, cert)
        pool = {name: value for name, value in chosen.items() if name not in ("ca_certs", "ca_cert_dir")}
        return host, pool | {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """Do nothing: the context decides."""


class HttpsConnection:
    """Sends requests to a site's management server; safe to use from several threads.

    Of several servers one serves and the others stand by. A request that reached none that serves goes to the next;
    one that may have been done already is sent again only when it changes nothing.
    """

    def __init__(self, base_url: str, ca_pem: str | None) -> None:
        """`base_url`: one address, or several with commas between. `ca_pem` None trusts the machine's authorities."""
        self._places = ServingPlaces(base_url.split(","))
        context = pinned_context(ca_pem) if ca_pem is not None else ssl.create_default_context()
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy for the web is no way to the site's own server
        self._session.mount("https://", _PinnedAdapter(context))
        self._closed = False
        self._dated: tuple[int, float] | None = None  # the server's clock, and our monotonic one at that moment

    @property
    def base_url(self) -> str:
        """The address of the server that answered last."""
        return self._places.current

    @property
    def server(self) -> str:
        return urlsplit(self._places.current).netloc

    def close(self) -> None:
        """Close the connections; a request that another thread still makes closes its own when it ends."""
        self._closed = True
        self._session.close()

    def _close_what_came_after(self) -> None:
        """A request that ends after `close` has put its connection back into the pool."""
        if self._closed:
            self._session.close()

    def server_now_us(self) -> UtcUs | None:
        """Return the server's clock by the last answer's Date (RFC 9110, 6.6.1: whole seconds), None before one."""
        dated = self._dated
        return None if dated is None else UtcUs(dated[0] + round((time.monotonic() - dated[1]) * US_PER_S))

    def _read_date(self, date: str) -> None:
        try:
            moment = parsedate_to_datetime(date)
        except ValueError:
            return  # no Date, or none that can be read: the last one stays
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # "-0000" is read without a zone
        self._dated = (round(aware.timestamp() * US_PER_S) + US_PER_S // 2, time.monotonic())  # middle of its second

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Return the answer's JSON object ({} when it has none); raise what the answer's status means."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        options = {"json": body, "data": form, "params": params, "headers": sent}
        tried: set[str] = set()
        while True:
            place = self._places.current
            tried.add(place)
            try:
                status, content, active = self._send(method, place + path, options, answer_timeout_s)
            except NotSent as failed:
                if not self._places.leave(place, tried):
                    raise ServerUnreachable(str(failed), **failed.params) from failed
                continue
            except ServerUnreachable:
                more = self._places.leave(place, tried)  # at any rate for what is asked next
                if method != "GET" or not more:
                    raise
                continue
            if active is not None and self._places.leave(place, tried, active):
                continue
            break
        if len(content) > _MOST_ANSWER_BYTES:
            raise ProtocolError(f"the answer to {path} is too large", peer=self.server)
        answer = self._decoded(content, path, status)
        if status >= HTTPStatus.BAD_REQUEST:
            raise self._failure(status, answer, path)
        return answer

    def _send(
        self, method: str, url: str, options: Mapping[str, Any], answer_timeout_s: float
    ) -> tuple[int, bytes, str | None]:
        """Return status, body, and from a server that stands by: the address of the one that serves (or "")."""
        server = urlsplit(url).netloc
        if self._closed:
            raise ServerUnreachable("the connection was closed", server=server)
        try:
            with self._session.request(
                method,
                url,
                timeout=(CONNECT_TIMEOUT_S, answer_timeout_s),
                allow_redirects=False,
                stream=True,
                **options,
            ) as response:
                content = response.raw.read(_MOST_ANSWER_BYTES + 1, decode_content=True)
                self._read_date(response.headers.get("Date", ""))
                return response.status_code, content, response.headers.get(STANDBY_HEADER)
        except requests.exceptions.SSLError as error:
            raise self._tls_failure(error) from error
        except (requests.exceptions.RequestException, OSError) as error:
            kind = NotSent if _not_sent(error) else ServerUnreachable
            raise kind(_reason(error), server=server) from error
        finally:
            self._close_what_came_after()

    def _decoded(self, content: bytes, path: str, status: int) -> dict[str, Any]:
        if not content:
            return {}
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise ServerUnreachable(
                f"the answer to {path} is no JSON (status {status}); another server may use this address",
                server=self.server,
            ) from error
        if not isinstance(answer, dict):
            raise ProtocolError(f"the answer to {path} is not a JSON object", peer=self.server)
        return answer

    def _failure(self, status: int, answer: dict[str, Any], path: str) -> VmsError:
        if isinstance(answer.get("error"), str):  # OAuth (RFC 6749, 5.2)
            return refusal(answer)
        error = answer.get("error")
        details = error.get("details") if isinstance(error, dict) else None
        rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
        problems = {str(row.get("propertyName", "")): str(row.get("errorText", "")) for row in rows}
        text = "; ".join(problems.values()) or f"status {status}"
        match status:
            case HTTPStatus.UNAUTHORIZED:
                return NotSignedIn(text)
            case HTTPStatus.FORBIDDEN:
                return NotPermitted(text)
            case HTTPStatus.NOT_FOUND:
                return NotFound(text, item=path)
            case HTTPStatus.PRECONDITION_FAILED | HTTPStatus.CONFLICT:
                return ChangedMeanwhile(text, item=path)
            case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return ServerFailed(text, server=self.server)
            case _:
                return ValidationFailed(text, problems)

    def _tls_failure(self, error: Exception) -> VmsError:
        cause: BaseException | None = error
        for _ in range(8):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return CertificateNotTrusted(cause.verify_message, server=self.server)
            reason = getattr(cause, "reason", None)
            inner = reason if isinstance(reason, BaseException) else None
            arguments = [a for a in getattr(cause, "args", ()) if isinstance(a, BaseException)]
            following = inner or (arguments[0] if arguments else None) or (cause.__cause__ if cause else None)
            if following is None:
                break
            cause = following
        if "certificate" in str(error).lower():
            return CertificateNotTrusted(str(error), server=self.server)
        return ServerUnreachable(f"it does not speak TLS as expected: {_reason(error)}", server=self.server)


def _not_sent(error: BaseException) -> bool:
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _reason(error: BaseException) -> str:
    """Return the innermost words of a requests failure; its outer ones repeat addresses and object names."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:.0f} s"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    inner: BaseException = error
    while True:
        following = getattr(inner, "reason", None) or next(
            (a for a in inner.args if isinstance(a, BaseException)), inner.__cause__ or inner.__context__
        )
        if not isinstance(following, BaseException):
            break
        inner = following
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
