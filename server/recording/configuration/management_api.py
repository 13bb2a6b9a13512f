"""What a recorder asks of management, over HTTPS that trusts the site's authority only."""

import http
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ValidationError

from common.api.audit import PATH as AUDIT_PATH
from common.api.audit import AuditBatch, AuditReceipt
from common.api.enrolment import EnrolReply, EnrolRequest, RecorderStatus, RenewReply, RenewRequest
from common.api.recorder_configuration import RecorderConfiguration
from common.api.serving import STANDBY_HEADER
from common.api.site_events import EventBatch, EventReceipt
from common.foundation.clock import Clock
from common.foundation.errors import NotSignedIn, ProtocolError, ServerUnreachable
from common.net.serving_places import ServingPlaces
from server.recording.configuration.identity import Identity
from server.recording.configuration.local_copy import MOST_BYTES

WAIT_S = 10  # short, so that a server that hangs is noticed soon
_TIMEOUT = httpx.Timeout(5.0, read=WAIT_S + 5.0)
_EARLY_S = 60.0  # a token is renewed this long before it ends

Message = TypeVar("Message", bound=BaseModel)


class EnrolmentRefused(NotSignedIn):
    """Management does not know our one-time token (any more), or has forgotten this recorder."""

    message_key = "error.enrolment_refused"


class ManagementApi:
    """One recorder's connection to management. `identity` None: it has not joined yet and may only enrol."""

    def __init__(
        self,
        base_url: str,
        tls: ssl.SSLContext,
        clock: Clock,
        identity: Identity | None = None,
        others: Iterable[str] = (),
    ) -> None:
        """`others`: where else management may serve."""
        self._places = ServingPlaces([base_url, *others])
        self._http = httpx.AsyncClient(verify=tls, timeout=_TIMEOUT, trust_env=False)
        self._clock = clock
        self._identity = identity
        self._token = ""
        self._token_ends_s = 0.0

    @property
    def _base_url(self) -> str:
        return self._places.current

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def enrol(self, request: EnrolRequest) -> EnrolReply:
        """Join the site with a one-time token; raise EnrolmentRefused when it does not count."""
        kind = {"Content-Type": "application/json"}
        answer = await self._send("POST", "/api/internal/v1/enrol", request.model_dump_json(), kind)
        if answer.status_code in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
            raise EnrolmentRefused("the one-time token is not, or no longer, valid", server=self._base_url)
        return self._message(answer, EnrolReply)

    async def configuration(self, after: int) -> RecorderConfiguration | None:
        """Return the configuration as soon as its version is not `after`, or None after a while."""
        answer = await self._send_signed("GET", f"configuration?after={after}&wait={WAIT_S}")
        if answer.status_code == http.HTTPStatus.NO_CONTENT:
            return None
        return self._message(answer, RecorderConfiguration)

    async def report(self, status: RecorderStatus) -> None:
        """Tell management that we are alive, and where."""
        self._check(await self._send_signed("POST", "status", status.model_dump_json()))

    async def tell_events(self, batch: EventBatch) -> EventReceipt:
        """Tell what has happened to devices and disks."""
        return self._message(await self._send_signed("POST", "events", batch.model_dump_json()), EventReceipt)

    async def renew(self, request: RenewRequest) -> RenewReply:
        """Have a new certificate made for a new key."""
        return self._message(await self._send_signed("POST", "certificate", request.model_dump_json()), RenewReply)

    async def deliver_audit(self, batch: AuditBatch) -> None:
        """Hand over entries of the audit log; returns when they are kept for good."""
        self._message(await self._signed("POST", AUDIT_PATH, batch.model_dump_json()), AuditReceipt)

    async def _send_signed(self, method: str, what: str, content: str | None = None) -> httpx.Response:
        assert self._identity is not None
        return await self._signed(method, f"/api/internal/v1/recorders/{self._identity.id}/{what}", content)

    async def _signed(self, method: str, path: str, content: str | None) -> httpx.Response:
        answer = await self._send_as(await self._access_token(), method, path, content)
        if answer.status_code == http.HTTPStatus.UNAUTHORIZED:  # management has new keys: ask for a new token once
            self._token = ""
            answer = await self._send_as(await self._access_token(), method, path, content)
        return answer

    async def _access_token(self) -> str:
        assert self._identity is not None
        if self._token and self._clock.monotonic_s() < self._token_ends_s:
            return self._token
        form = {
            "grant_type": "client_credentials",
            "client_id": self._identity.client_id,
            "client_secret": self._identity.client_secret,
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._send("POST", "/idp/connect/token", urlencode(form), kind)
        if answer.status_code in (http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
            raise EnrolmentRefused("management does not know this recorder (any more)", server=self._base_url)
        self._check(answer)
        try:
            granted = answer.json()
            self._token = str(granted["access_token"])
            life_s = float(granted["expires_in"])
        except (ValueError, KeyError, TypeError) as wrong:
            raise ProtocolError("the answer to signing in holds no token", peer=self._base_url) from wrong
        self._token_ends_s = self._clock.monotonic_s() + max(life_s - _EARLY_S, life_s / 2)
        return self._token

    async def _send_as(self, token: str, method: str, path: str, content: str | None) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        return await self._send(method, path, content, headers | {"Authorization": f"Bearer {token}"})

    async def _send(
        self, method: str, path: str, content: str | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Ask the server that serves, looking for it once around. All that recorders send may be sent twice."""
        tried: set[str] = set()
        while True:
            place = self._places.current
            tried.add(place)
            try:
                answer = await self._ask(method, place + path, content, headers or {})
            except httpx.HTTPError as failed:
                if not self._places.leave(place, tried):
                    raise self._unreachable(failed) from failed
                continue
            active = answer.headers.get(STANDBY_HEADER)
            if active is None or not self._places.leave(place, tried, active):
                return answer

    async def _ask(self, method: str, url: str, content: str | None, headers: Mapping[str, str]) -> httpx.Response:
        async with self._http.stream(method, url, content=content, headers=dict(headers)) as answer:
            body = bytearray()
            async for block in answer.aiter_bytes():
                body += block
                if len(body) > MOST_BYTES:
                    raise ProtocolError("the answer is too large", peer=url)
            kept = {name: answer.headers[name] for name in (STANDBY_HEADER,) if name in answer.headers}
            return httpx.Response(answer.status_code, content=bytes(body), headers=kept, request=answer.request)

    def _message(self, answer: httpx.Response, kind: type[Message]) -> Message:
        self._check(answer)
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as wrong:
            # pydantic's own text repeats the input, which holds secrets
            places = ", ".join(".".join(map(str, error["loc"])) or "whole" for error in wrong.errors()[:5])
            raise ProtocolError(f"its {kind.__name__} is not one: {places}", peer=self._base_url) from None

    def _check(self, answer: httpx.Response) -> None:
        if not answer.is_success:
            path = answer.request.url.path
            raise ServerUnreachable(f"status {answer.status_code} for {path}", server=self._base_url)

    def _unreachable(self, failed: httpx.HTTPError) -> ServerUnreachable:
        return ServerUnreachable(str(failed) or type(failed).__name__, server=self._base_url)
