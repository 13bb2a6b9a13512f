"""What the management server does with 10,000 cameras on 50 recorders: `make bench NAME=management ARGS=--json`.

A real management process over TLS, on SQLite, filled with generated items. `list_1000_ms` is a page of 1,000 cameras,
`save_ms` changing one, `snapshot_...` the whole configuration as clients get it, `delta_ms` what one change makes of
it, `channel_2000_ms` the time until the last of 2,000 listeners knows of a change, `signins_per_s` grants by refresh
token, which are sign-ins without the password's hash, eight at a time. `list_ratio_vs_bare` compares with a FastAPI
server that does nothing but read the same rows with SQLAlchemy and answer them as JSON, in the same run, in turn.
"""

import argparse
import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.asyncio.client import ClientConnection, connect

from common.api import service_channel
from common.foundation.clock import SystemClock
from common.model.devices import Camera, Hardware
from common.model.servers import RecordingServer, Storage
from server.management.configuration.items import Items
from server.management.database.address import sqlite_file
from server.management.database.sealing import Seal
from server.management.database.store import Database, get_state
from tests.benchmarks import figures
from tests.support.management_rig import PASSWORD, managing

LISTENERS = 2000
_GIVE_UP_S = 120.0


def fill(data: Path, cameras: int, recorders: int) -> None:
    """Make a site with so many cameras, each in hardware of its own."""
    with managing(data):
        pass
    folder = data / "management"
    database = Database(sqlite_file(folder / "configuration.sqlite3"))
    items = Items(Seal(folder / "secrets.key"), SystemClock())
    with database.write() as session:
        site = get_state(session, "site_id")
        for number in range(recorders):
            recorder = items.create(session, RecordingServer(name=f"Recorder {number}", host_name=f"r{number}"), site)
            storage = items.create(session, Storage(name="Local default"), recorder.id)
            path = {"type": "storages", "id": storage.id}
            for place in range(number, cameras, recorders):
                address = f"rtsp://10.{place >> 16}.{place >> 8 & 255}.{place & 255}/stream1"
                hardware = items.create(session, Hardware(name=f"Hardware {place}", address=address), recorder.id)
                camera = Camera.model_validate({"name": f"Camera {place}", "recordingStorage": path})
                items.create(session, camera, hardware.id)
    database.close()


@contextmanager
def process(*call: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process of ours, and the first line that it says."""
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", *call, "--ready-fd", str(writing)], pass_fds=[writing], text=True
    ) as running:
        os.close(writing)
        try:
            with os.fdopen(reading) as told:
                ready = json.loads(told.readline())
                yield running, ready.get("management", ready)
        finally:
            running.terminate()
            running.wait(30)


def median_ms(ask: Callable[[], object], times: int = 15) -> float:
    took = []
    for _ in range(times):
        began_s = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began_s) * 1000)
    return round(statistics.median(took), 1)


def listing(client: httpx.Client, bare: httpx.Client) -> dict[str, float]:
    """The same 1,000 cameras from us and from the bare server, in turn."""
    took: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(15):
        for name, ask in (
            ("ours", lambda: client.get("/api/rest/v1/cameras?page=0&size=1000")),
            ("bare", lambda: bare.get("/cameras?size=1000")),
        ):
            began_s = time.perf_counter()
            answer = ask()
            took[name].append((time.perf_counter() - began_s) * 1000)
            assert len(answer.json()["array"]) == 1000
    ours, theirs = statistics.median(took["ours"]), statistics.median(took["bare"])
    return {
        "list_1000_ms": round(ours, 1),
        "bare_list_1000_ms": round(theirs, 1),
        "list_ratio_vs_bare": round(ours / theirs, 2),
    }


def snapshots(client: httpx.Client, camera: str) -> dict[str, float]:
    def changed(number: int) -> None:
        client.patch(f"/api/rest/v1/cameras/{camera}", json={"shortName": f"s{number}"}).raise_for_status()

    took, packed, tag = [], 0, ""
    for number in range(3):
        changed(number)
        began_s = time.perf_counter()
        with client.stream("GET", "/api/snapshot/v1", headers={"Accept-Encoding": "gzip"}) as answer:
            packed = sum(map(len, answer.iter_raw()))
            tag = answer.headers["ETag"].strip('"')
        took.append((time.perf_counter() - began_s) * 1000)
    deltas = []
    for number in range(10):
        changed(100 + number)
        began_s = time.perf_counter()
        told = client.get(f"/api/snapshot/v1?after={tag}").json()
        deltas.append((time.perf_counter() - began_s) * 1000)
        assert not told["full"]
        assert len(told["items"]) == 1
        tag = told["tag"]
    return {
        "snapshot_bytes": packed,
        "snapshot_ms": round(statistics.median(took), 1),
        "delta_ms": round(statistics.median(deltas), 1),
    }


def sign_ins(client: httpx.Client, seconds: float = 5.0) -> float:
    """Grants a second by eight users at a time."""
    until_s = time.monotonic() + seconds

    def keep_signing_in(_: int) -> int:
        form = {"grant_type": "password", "username": "admin", "password": PASSWORD, "client_id": "VmsClient"}
        token, count = client.post("/idp/connect/token", data=form).json()["refresh_token"], 0
        began_s = time.monotonic()
        while time.monotonic() < until_s:
            form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "VmsClient"}
            token = client.post("/idp/connect/token", data=form).json()["refresh_token"]
            count += 1
        return round(count / max(0.001, time.monotonic() - began_s))

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(keep_signing_in, range(8)))


async def told_ms(client: httpx.Client, context: ssl.SSLContext, token: str, camera: str, count: int) -> float:
    """Until the last of so many listeners knows of a change."""
    uri = str(client.base_url).replace("https://", "wss://").rstrip("/") + service_channel.PATH
    hello = json.dumps({"op": "hello", "token": token})

    async def joined(gate: asyncio.Semaphore) -> ClientConnection:
        async with gate:
            socket = await connect(uri, ssl=context, proxy=None, compression=None, open_timeout=_GIVE_UP_S)
            await socket.send(hello)
            assert json.loads(await socket.recv())["op"] == "welcome"
            return socket

    async def heard(socket: ClientConnection) -> float:
        while json.loads(await socket.recv())["op"] != "notice":
            continue
        return time.perf_counter()

    gate = asyncio.Semaphore(50)
    sockets = await asyncio.gather(*(joined(gate) for _ in range(count)))
    took = []
    for number in range(5):
        listening = [asyncio.ensure_future(heard(socket)) for socket in sockets]
        await asyncio.sleep(0.1)
        began_s = time.perf_counter()
        await asyncio.to_thread(client.patch, f"/api/rest/v1/cameras/{camera}", json={"shortName": f"n{number}"})
        took.append(max(await asyncio.gather(*listening)) - began_s)
    for socket in sockets:
        socket.transport.abort()
    return round(statistics.median(took) * 1000, 1)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    began_s = time.perf_counter()
    fill(folder, options.cameras, options.recorders)
    found: dict[str, float] = {"cameras": options.cameras, "filled_s": round(time.perf_counter() - began_s, 1)}
    settings = {"VEDETTE_MANAGEMENT__HTTPS_PORT": "0", "VEDETTE_MANAGEMENT__ANNOUNCE": "false"}
    os.environ |= settings | {"VEDETTE_MANAGEMENT__BIND_ADDRESS": "127.0.0.1"}
    file = folder / "management" / "configuration.sqlite3"
    with (
        process("server.management", "--data", str(folder)) as (running, told),
        process("tests.support.bare_lists", "--database", str(file)) as (_, bare_told),
    ):
        context = ssl.create_default_context(cafile=told["ca"])
        with (
            httpx.Client(base_url=told["https"], verify=context, timeout=_GIVE_UP_S, trust_env=False) as client,
            httpx.Client(base_url=bare_told["http"], timeout=_GIVE_UP_S, trust_env=False) as bare,
        ):
            form = {"grant_type": "password", "username": "admin", "password": PASSWORD, "client_id": "VmsClient"}
            token = client.post("/idp/connect/token", data=form).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            camera = client.get("/api/rest/v1/cameras?page=0&size=1").json()["array"][0]["id"]
            found |= snapshots(client, camera)
            found |= listing(client, bare)
            found["get_ms"] = median_ms(lambda: client.get(f"/api/rest/v1/cameras/{camera}").raise_for_status())
            found["bare_get_ms"] = median_ms(lambda: bare.get(f"/cameras/{camera}").raise_for_status())
            numbers = iter(range(10**6))
            found["save_ms"] = median_ms(
                lambda: client.patch(
                    f"/api/rest/v1/cameras/{camera}", json={"shortName": f"x{next(numbers)}"}
                ).raise_for_status()
            )
            found["signins_per_s"] = sign_ins(client)
            found["memory_mb"] = round(psutil.Process(running.pid).memory_full_info().pss / 1e6)
            found["channel_2000_ms"] = asyncio.run(told_ms(client, context, token, camera, options.listeners))
            found["memory_with_listeners_mb"] = round(psutil.Process(running.pid).memory_full_info().pss / 1e6)
    return found


def main() -> None:
    parser = figures.options(__doc__ or "")
    parser.add_argument("--cameras", type=int, default=10_000)
    parser.add_argument("--recorders", type=int, default=50)
    parser.add_argument("--listeners", type=int, default=LISTENERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        figures.show(measure(options, Path(folder)), as_json=options.json)


if __name__ == "__main__":
    main()
