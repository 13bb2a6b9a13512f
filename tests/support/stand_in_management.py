"""A management server for GUI tests that can be told to be slow to change, refuse, or vanish: real HTTPS, real client.

Where a test needs no such thing it should run the product's own server instead.
"""

import json
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from common.net.certificates import KeyPair, create_authority, issue_certificate
from common.net.tls import CA_PATH, server_context

USER, PASSWORD, CODE = "admin", "right horse", "1234-5678"
Json = dict[str, object]


@dataclass
class StandInSite:
    """What the server holds. Tests change it from outside, under `lock`."""

    lists: dict[str, dict[str, Json]] = field(
        default_factory=lambda: {"recordingServers": {}, "hardware": {}, "cameras": {}, "microphones": {}}
    )
    refuse: dict[str, str] = field(default_factory=dict)  # problems that the next PATCH or AddHardware is answered with
    locked_out: bool = False
    ended: bool = False  # every token is refused
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, kind: str, name: str, parent: str = "", **properties: object) -> str:
        """Add an item and return its id."""
        identifier = str(uuid.uuid4())
        with self.lock:
            self.lists[kind][identifier] = {
                "id": identifier,
                "name": name,
                "enabled": True,
                "description": "",
                "etag": "1",
                "relations": {"parent": {"type": "x", "id": parent}},
                **properties,
            }
        return identifier

    def recorder(self, name: str = "Recorder 1") -> str:
        return self.put("recordingServers", name, hostName="nvr1", portNumber=7563, online=True, version="0.1.0")

    def camera(self, recorder: str, name: str, microphone: bool = False) -> str:
        """Add hardware with a camera in it; return the hardware's id."""
        hardware = self.put(
            "hardware", name, recorder, address=f"rtsp://10.0.0.{len(self.lists['hardware']) + 1}/s", transport="auto"
        )
        self.put("cameras", f"{name} - Camera 1", hardware, recordingEnabled=True, prebufferSeconds=3, channel=0)
        if microphone:
            self.put("microphones", f"{name} - Microphone 1", hardware, recordingEnabled=True, channel=0)
        return hardware

    def item(self, kind: str, name: str) -> Json:
        with self.lock:
            return next(item for item in self.lists[kind].values() if item["name"] == name)


class StandInServer:
    """Listens on 127.0.0.1; `url` and `authority` are what a client needs."""

    def __init__(self, folder: Path, authority: KeyPair | None = None, port: int = 0) -> None:
        self.site = StandInSite()
        self.authority = authority or create_authority("Test site")
        pair = issue_certificate(self.authority, ["localhost", "127.0.0.1"])
        certificate, key = folder / f"{uuid.uuid4()}.pem", folder / f"{uuid.uuid4()}.key"
        pair.write(certificate, key)
        server = self

        class Handler(_Handler):
            site = server.site
            ca = server.authority.certificate_pem

        self.handler: type[BaseHTTPRequestHandler] = Handler
        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = False
        self._http.block_on_close = True
        context = server_context(certificate, key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._http.server_address[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def ca_pem(self) -> str:
        return self.authority.certificate_pem.decode()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()


@contextmanager
def stand_in_server(folder: Path, authority: KeyPair | None = None, port: int = 0) -> Iterator[StandInServer]:
    server = StandInServer(folder, authority, port)
    try:
        yield server
    finally:
        server.stop()


class _Handler(BaseHTTPRequestHandler):
    site: StandInSite
    ca: bytes
    timeout = 10.0  # closes a connection that a client keeps open but no longer uses

    def handle(self) -> None:
        try:
            super().handle()
        except (ssl.SSLError, ConnectionError, TimeoutError):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: object) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, problems: dict[str, str]) -> None:
        details = [{"errorText": text, "propertyName": name} for name, text in problems.items()]
        self._answer(status, {"error": {"httpCode": status, "details": details}})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _refused(self) -> bool:
        if self.site.ended:
            self._error(401, {"": "token is expired"})
        return self.site.ended

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == CA_PATH:
            self._answer(200, self.ca)
            return
        if self._refused():
            return
        parts = path.removeprefix("/api/rest/v1/").split("/")
        with self.site.lock:
            if parts[0] == "tasks":
                self._answer(200, {"data": self.site.lists["tasks"][parts[1]]})
            elif len(parts) == 1:
                self._answer(200, {"array": list(self.site.lists[parts[0]].values())})
            elif parts[1] in self.site.lists[parts[0]]:
                self._answer(200, {"data": self.site.lists[parts[0]][parts[1]]})
            else:
                self._error(404, {"": "not there"})

    def do_POST(self) -> None:
        body, parts = self._body(), urlsplit(self.path)
        if parts.path == "/idp/connect/token":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            if self.site.locked_out:
                self._answer(400, {"error": "invalid_grant", "error_code": "LockedOut"})
            elif form.get("grant_type") == "password" and (form["username"], form["password"]) != (USER, PASSWORD):
                self._answer(400, {"error": "invalid_grant", "error_code": "InvalidCredentials"})
            else:
                self._answer(200, {"access_token": "a", "refresh_token": "r", "expires_in": 3600})
        elif parts.path == "/api/internal/v1/setup":
            right = json.loads(body)["code"] == CODE
            self._answer(200, {}) if right else self._error(400, {"code": "This is not the set-up code."})
        elif parts.path == "/idp/connect/revocation":
            self._answer(200, {})
        elif self._refused():
            return
        elif parts.query == "task=AddHardware":
            self._add_hardware(parts.path.split("/")[-1], json.loads(body))
        else:
            self._answer(200, {"result": {"state": "Success"}})

    def _add_hardware(self, recorder: str, given: Json) -> None:
        with self.site.lock:
            tasks = self.site.lists.setdefault("tasks", {})
            if self.site.refuse:
                name, text = next(iter(self.site.refuse.items()))
                tasks["1"] = {"state": "Error", "errorText": text, "errorProperty": name}
                self.site.refuse = {}
            else:
                hardware = self.site.camera(recorder, str(given["displayName"] or given["hardwareAddress"]))
                self.site.lists["hardware"][hardware]["address"] = given["hardwareAddress"]
                tasks["1"] = {"state": "Success", "path": {"type": "hardware", "id": hardware}}
            self._answer(200, {"result": {"state": "Idle", "path": {"type": "tasks", "id": "1"}}})

    def do_PATCH(self) -> None:
        given = json.loads(self._body())
        kind, identifier = self.path.removeprefix("/api/rest/v1/").split("/")
        with self.site.lock:
            item = self.site.lists[kind].get(identifier)
            match = self.headers.get("If-Match", "").strip('"')
            if self._refused():
                return
            if item is None:
                self._error(404, {"": "not there"})
            elif self.site.refuse:
                problems, self.site.refuse = self.site.refuse, {}
                self._error(400, problems)
            elif match and match != item["etag"]:
                self._error(412, {"": "changed"})
            else:
                item.update(given)
                item["etag"] = str(int(str(item["etag"])) + 1)
                self._answer(200, {"data": item})

    def do_DELETE(self) -> None:
        kind, identifier = self.path.removeprefix("/api/rest/v1/").split("/")
        with self.site.lock:
            self.site.lists[kind].pop(identifier, None)
            for devices in (self.site.lists["cameras"], self.site.lists["microphones"]):
                for key in [k for k, row in devices.items() if row["relations"]["parent"]["id"] == identifier]:  # type: ignore[index]
                    del devices[key]
        self._answer(200, {"state": "Success"})
