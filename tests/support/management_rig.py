"""A real management server over TLS on a free port, in a thread with a loop of its own, and a clock moved by hand."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import uvloop

from common.api.enrolment import EnrolReply
from common.clients.management import ManagementClient
from common.foundation.clock import UtcUs
from common.net.certificates import create_request
from server.management.app import Running, management_server
from server.management.settings import ManagementSettings

PASSWORD = "correct horse 9"
_CHEAP_HASHES = {"password_hash_memory_kib": 19_456, "password_hash_passes": 1}
START_US = 1_790_000_000_000_000


class HandClock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self._passed_s = 0.0

    def now_us(self) -> UtcUs:
        return UtcUs(START_US + int(self._passed_s * 1e6))

    def monotonic_s(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    def move(self, seconds: float) -> None:
        self._passed_s += seconds


@dataclass
class Management:
    """A running server and shortcuts to it."""

    running: Running
    data: Path
    clock: HandClock
    stop: Callable[[], None]

    @property
    def url(self) -> str:
        return self.running.https

    @property
    def ca_pem(self) -> str:
        return self.running.ca.read_text()

    def send(self, method: str, path: str, token: str = "", **more: object) -> requests.Response:
        headers = dict(more.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, self.url + path, headers=headers, verify=str(self.running.ca), timeout=30, **more
            )

    def rest(self, method: str, path: str, token: str = "", **more: object) -> requests.Response:
        return self.send(method, f"/api/rest/v1/{path}", token, **more)

    def grant(self, **form: str) -> requests.Response:
        return self.send("POST", "/idp/connect/token", data=form)

    def token(self, user: str = "admin", password: str = PASSWORD) -> str:
        answer = self.grant(grant_type="password", username=user, password=password, client_id="GrantValidatorClient")
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def client(self, user: str = "admin", password: str = PASSWORD) -> ManagementClient:
        client = ManagementClient(self.url, self.ca_pem)
        client.sign_in(user, password)
        return client

    def add_operator(self, name: str = "olga", password: str = PASSWORD) -> str:
        """Create a user in the operators role; return its id."""
        admin = self.token()
        made = self.rest("POST", "basicUsers", admin, json={"name": name, "password": password})
        assert made.status_code == 201, made.text
        user_id = made.json()["result"]["id"]
        role = next(r for r in self.rest("GET", "roles", admin).json()["array"] if r["name"] == "Operators")
        added = self.rest("POST", f"roles/{role['id']}/users?task=AddRoleMember", admin, json={"sid": user_id})
        assert added.status_code == 200, added.text
        return user_id

    def enrol(self, name: str = "recorder") -> tuple[EnrolReply, str]:
        """Let a recorder join with the token of the file; return the reply and its access token."""
        csr_pem, _ = create_request(name)
        body = {
            "token": (self.data / "enrolment-token").read_text().strip(),
            "csr_pem": csr_pem.decode(),
            "name": name,
            "kind": "recording",
            "media_port": 7563,
            "hosts": ["recorder.example", "127.0.0.1"],
        }
        answer = self.send("POST", "/api/internal/v1/enrol", json=body)
        assert answer.status_code == 200, answer.text
        reply = EnrolReply.model_validate_json(answer.content)
        granted = self.grant(
            grant_type="client_credentials", client_id=reply.client_id, client_secret=reply.client_secret
        )
        assert granted.status_code == 200, granted.text
        return reply, granted.json()["access_token"]


@contextmanager
def managing(
    data: Path, clock: HandClock | None = None, password: str | None = PASSWORD, **settings: object
) -> Iterator[Management]:
    """Run a server on `data` while inside; `password` None leaves it without an administrator."""
    clock = clock or HandClock()
    password_file = None
    if password is not None:
        password_file = data / "password"
        data.mkdir(parents=True, exist_ok=True)
        password_file.write_text(password + "\n")
    chosen = ManagementSettings.model_validate(
        {"https_port": 0, "bind_address": "127.0.0.1", "announce": False, **_CHEAP_HASHES, **settings}
    )
    started = threading.Event()
    state: dict[str, object] = {}

    async def serve() -> None:
        state["loop"], state["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with management_server(chosen, data, clock, password_file) as running:
            state["running"] = running
            started.set()
            await state["stop"].wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the daemon does
                runner.run(serve())
        except BaseException as error:  # noqa: BLE001 - given to the test's own thread
            state["error"] = error
        finally:
            started.set()

    def stop() -> None:
        if "running" in state and thread.is_alive():
            state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join(30)

    thread = threading.Thread(target=run, name="management")
    thread.start()
    started.wait(30)
    try:
        if "running" not in state:
            raise state.get("error") or AssertionError("the server did not start")
        yield Management(state["running"], data, clock, stop)
    finally:
        stop()
    assert not thread.is_alive()
    if "error" in state:
        raise state["error"]
