"""The clients' way to the management server: sign in, read the configuration, change it.

Blocking and thread-safe: a GUI calls it off its own thread, several workers may share one client. Every failure is a
VmsError: ServerUnreachable, CertificateNotTrusted, SignInRefused (kinds in `sign_in`), DirectoryAway, NotSignedIn,
NotPermitted, ValidationFailed (with `problems`, by property), NotFound, ChangedMeanwhile, ServerFailed, ProtocolError.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from common.api.programs import ANY_PROGRAM
from common.clients import management_values as values
from common.clients.browser_sign_in import BrowserCode
from common.clients.management_http import HttpsConnection
from common.clients.management_values import (
    Camera,
    Hardware,
    Microphone,
    RecordingServer,
    ServerFailed,
    ValidationFailed,
)
from common.clients.sign_in import SignInProofs
from common.foundation.clock import UtcUs
from common.foundation.errors import NotSignedIn, ProtocolError, VmsError
from common.foundation.ids import HardwareId, RecorderId

T = TypeVar("T")

_REFRESH_BEFORE_S = 120.0
_TASK_POLL_S = 0.1
_TOKEN_PATH = "/idp/connect/token"  # noqa: S105 - a path
_REST = "/api/rest/v1"


class ManagementClient:
    """One signed-in session with a management server."""

    def __init__(
        self,
        base_url: str,
        ca_pem: str | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        client_id: str = ANY_PROGRAM,
    ) -> None:
        """`base_url`: `https://host[:port]`; `ca_pem`: the pinned authority, None for the machine's own; `client_id`:
        which program this is, as roles may let in some only."""
        self._client_id = client_id
        self._https = HttpsConnection(base_url, ca_pem)
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._lock = threading.Lock()  # guards the tokens; held while they are renewed
        self._access = ""
        self._refresh = ""
        self._refresh_at_s = 0.0
        self._expires_at_s = 0.0

    @property
    def base_url(self) -> str:
        return self._https.base_url

    def server_now_us(self) -> UtcUs | None:
        """Return the server's clock, to about a second, from its last answer; None before the first."""
        return self._https.server_now_us()

    def close(self) -> None:
        """Close the connections; does not sign out."""
        self._https.close()

    def __enter__(self) -> "ManagementClient":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # Signing in

    def set_up(self, code: str, user: str, password: str) -> None:
        """Create the first administrator with the one-time set-up code that the server printed."""
        self._https.request("POST", "/api/internal/v1/setup", body={"code": code, "user": user, "password": password})

    def sign_in(self, user: str, password: str, proofs: SignInProofs | None = None) -> tuple[str, ...]:
        """Start a session; return the recovery codes of an authenticator app that was set up by it, mostly none.

        Raises SignInRefused: its kinds say what else the account asks for, which comes in `proofs`. Raises
        ValidationFailed for a new password that is not good enough (`new_password`), DirectoryAway.
        """
        form = {"grant_type": "password", "username": user, "password": password, "client_id": self._client_id}
        with self._lock:
            answer = self._https.request("POST", _TOKEN_PATH, form=form | (proofs or SignInProofs()).form())
            self._take(answer)
        codes = answer.get("recovery_codes", [])
        return tuple(str(code) for code in codes) if isinstance(codes, list) else ()

    def sign_in_with_code(self, code: BrowserCode) -> str:
        """Start a session with what the browser came back with; return the user's name. Raises SignInRefused."""
        form = {
            "grant_type": "authorization_code",
            "code": code.code,
            "code_verifier": code.verifier,
            "redirect_uri": code.redirect_uri,
            "client_id": self._client_id,
        }
        with self._lock:
            self._take(self._https.request("POST", _TOKEN_PATH, form=form))
        return str(self._account().get("name", ""))

    def user_id(self) -> str:
        """Return the id of the user who is signed in."""
        return str(self._account().get("id", ""))

    def _account(self) -> dict[str, Any]:
        return _object(self._signed("GET", "/api/internal/v1/account").get("data"))

    def sign_out(self) -> None:
        """End the session on the server; the tokens are forgotten whether or not it answers."""
        with self._lock:
            access, refresh = self._access, self._refresh
            self._access = self._refresh = ""
        for token in filter(None, (refresh, access)):
            self._https.request("POST", "/idp/connect/revocation", form={"token": token, "client_id": self._client_id})

    def access_token(self) -> str:
        """Return a token that is good for at least a minute, renewed when it runs out; raise NotSignedIn."""
        with self._lock:
            if not self._access:
                raise NotSignedIn("no session")
            now_s = self._monotonic_s()
            if now_s >= self._refresh_at_s:
                self._renew(now_s)
            return self._access

    def _another_token(self, refused: str) -> str:
        """Return a token in place of one that the server does not take, though by our clock it should: that stands
        still while the computer sleeps. Raises NotSignedIn when the session is over."""
        with self._lock:
            if self._access == refused:
                self._expires_at_s = now_s = self._monotonic_s()
                self._renew(now_s)
            if not self._access:
                raise NotSignedIn("no session")
            return self._access

    def _renew(self, now_s: float) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh, "client_id": self._client_id}
        try:
            self._take(self._https.request("POST", _TOKEN_PATH, form=form))
        except NotSignedIn:
            self._access = self._refresh = ""
            raise
        except VmsError:
            if now_s >= self._expires_at_s:
                raise
            self._refresh_at_s = min(now_s + 5.0, self._expires_at_s)  # the old token still serves; try again soon

    def _take(self, answer: Mapping[str, Any]) -> None:
        access, refresh, life_s = answer.get("access_token"), answer.get("refresh_token"), answer.get("expires_in")
        if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(life_s, int)):
            raise ProtocolError("the answer to signing in holds no tokens", peer=self._https.server)
        now_s = self._monotonic_s()
        self._access, self._refresh = access, refresh
        self._expires_at_s = now_s + life_s
        self._refresh_at_s = now_s + max(life_s - _REFRESH_BEFORE_S, life_s / 2)

    # Reading

    def recording_servers(self) -> tuple[RecordingServer, ...]:
        return self._list("recordingServers", values.recording_server)

    def hardware(self) -> tuple[Hardware, ...]:
        return self._list("hardware", values.hardware)

    def cameras(self) -> tuple[Camera, ...]:
        return self._list("cameras", values.camera)

    def microphones(self) -> tuple[Microphone, ...]:
        return self._list("microphones", values.microphone)

    def _list(self, kind: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        items = self._call("GET", f"/{kind}?disabled").get("array")
        if not isinstance(items, list):
            raise ProtocolError(f"the list of {kind} is none", peer=self._https.server)
        return tuple(read(item, self._https.server) for item in items)

    # Changing

    def add_hardware(
        self,
        recorder_id: RecorderId,
        address: str,
        user_name: str = "",
        password: str = "",
        *,
        name: str = "",
        transport: str = "auto",
        timeout_s: float = 60.0,
    ) -> HardwareId:
        """Add a device by its address (`rtsp://host/path`, `simulator:NAME`) and return it once it is there.

        `transport` is how media travels: `auto`, `tcp` or `udp`.
        Raises ValidationFailed (properties `hardwareAddress`, `userName`, `password`, `displayName`) or ServerFailed.
        """
        body = {"hardwareAddress": address, "userName": user_name, "password": password, "displayName": name}
        if transport != "auto":
            body["transport"] = transport
        started = self._call("POST", f"/recordingServers/{recorder_id}?task=AddHardware", body=body)
        return HardwareId(self._followed(started, timeout_s))

    def item(self, kind: str, identifier: str) -> Mapping[str, object]:
        """Return all properties of one item by their REST names, its `etag` among them."""
        item = self._call("GET", f"/{quote(kind)}/{quote(identifier)}").get("data")
        if not isinstance(item, dict):
            raise ProtocolError(f"an item of {kind} is none", peer=self._https.server)
        return item

    def update(self, kind: str, identifier: str, changes: Mapping[str, object], etag: str = "") -> None:
        """Change several properties of an item at once, by their REST names; errors as for `rename`."""
        self._patch(kind, identifier, changes, etag)

    def rename(self, kind: str, identifier: str, name: str, etag: str = "") -> None:
        """Give an item of `kind` (`cameras`, `hardware`, `microphones`, `recordingServers`) another name.

        With the `etag` it was read with, raises ChangedMeanwhile when somebody else changed it since.
        """
        self._patch(kind, identifier, {"name": name}, etag)

    def set_enabled(self, kind: str, identifier: str, enabled: bool, etag: str = "") -> None:
        self._patch(kind, identifier, {"enabled": enabled}, etag)

    def update_hardware(
        self,
        hardware_id: HardwareId,
        *,
        name: str | None = None,
        address: str | None = None,
        user_name: str | None = None,
        password: str | None = None,
        etag: str = "",
    ) -> None:
        """Change what is not None."""
        given = {"name": name, "address": address, "userName": user_name, "password": password}
        self._patch("hardware", hardware_id, {key: value for key, value in given.items() if value is not None}, etag)

    def delete_hardware(self, hardware_id: HardwareId) -> None:
        """Remove a device and its cameras and microphones; what they recorded stays until its retention ends."""
        self._call("DELETE", f"/hardware/{hardware_id}")

    def _patch(self, kind: str, identifier: str, body: Mapping[str, object], etag: str) -> None:
        headers = {"If-Match": f'"{etag}"'} if etag else None
        self._call("PATCH", f"/{quote(kind)}/{quote(identifier)}", body=body, headers=headers)

    def rest(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the REST interface (`path` below its root) for what has a typed client of its own."""
        return self._call(method, path, body=body)

    # Tasks

    def _followed(self, started: Mapping[str, Any], timeout_s: float) -> str:
        """Poll a long task until it ends, clean it up, and return the id of what it made."""
        path = _object(started.get("result")).get("path")
        task = quote(str(_object(path).get("id", "")))
        if not task:
            raise ProtocolError("the server started no task", peer=self._https.server)
        give_up_at_s = self._monotonic_s() + timeout_s
        while True:
            state = _object(self._call("GET", f"/tasks/{task}").get("data"))
            if state.get("state") in ("Success", "Error"):
                break
            if self._monotonic_s() >= give_up_at_s:
                self._call("POST", f"/tasks/{task}?task=TaskStop", body={})
                raise ServerFailed(f"not done after {timeout_s:.0f} s", server=self._https.server)
            self._sleep(_TASK_POLL_S)
        self._call("POST", f"/tasks/{task}?task=TaskCleanup", body={})
        if state["state"] == "Error":
            text, name = str(state.get("errorText", "")), str(state.get("errorProperty", ""))
            raise ValidationFailed(text, {name: text})
        return str(_object(state.get("path")).get("id", ""))

    def _call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return self._signed(method, _REST + path, body, headers)

    def _signed(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask with the access token; with another one when it is refused, which is before anything is done."""
        token = self.access_token()
        try:
            return self._https.request(method, path, token=token, body=body, headers=headers)
        except NotSignedIn:
            token = self._another_token(token)
        return self._https.request(method, path, token=token, body=body, headers=headers)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
