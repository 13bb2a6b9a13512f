"""A recorder's line to a real management server: joining, following, and going on without it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from common.api.recorder_configuration import RecorderConfiguration
from common.clients.management import ManagementClient
from common.foundation.clock import SystemClock
from common.foundation.errors import SettingsError
from server.recording.configuration.enrolment import joined
from server.recording.configuration.feed import ConfigurationFeed
from server.recording.configuration.identity import Identity, IdentityDamaged, identity_folder, load_identity
from server.recording.settings import RecordingSettings
from server.runtime.first_steps import create_administrator
from server.runtime.supervisor import RunningServers, RunPlan, running_servers

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
MEDIA_PORT = 7563


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def management(data: Path, port: int) -> AsyncIterator[RunningServers]:
    environ = {
        **os.environ,
        "VEDETTE_MANAGEMENT__HTTPS_PORT": str(port),
        "VEDETTE_MANAGEMENT__BIND_ADDRESS": "127.0.0.1",
        "VEDETTE_MANAGEMENT__HOSTS": "127.0.0.1",
        "VEDETTE_MANAGEMENT__ANNOUNCE": "false",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    async with running_servers(RunPlan(("management",), data, None, 0, environ), CLOCK) as servers:
        yield servers


class Applied:
    """Collects configurations and lets a test wait for one."""

    def __init__(self) -> None:
        self.all: list[RecorderConfiguration] = []
        self._more = asyncio.Event()

    def __call__(self, configuration: RecorderConfiguration) -> None:
        self.all.append(configuration)
        self._more.set()

    async def with_hardware(self, names: set[str]) -> RecorderConfiguration:
        async with asyncio.timeout(30):
            while not self.all or {item.name for item in self.all[-1].hardware} != names:
                self._more.clear()
                await self._more.wait()
        return self.all[-1]


@asynccontextmanager
async def following(settings: RecordingSettings, identity: Identity, data: Path) -> AsyncIterator[Applied]:
    applied = Applied()
    feed = ConfigurationFeed(settings, identity, data, MEDIA_PORT, CLOCK)
    task = asyncio.create_task(feed.run(applied))
    try:
        yield applied
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def add_camera(servers: RunningServers, url: str, identity: Identity, name: str) -> None:
    told = servers.addresses()["management"]
    if told["first_start"]:
        create_administrator(url, identity.ca_pem, told["setup_code"], "a long password")
        servers.tell("management", {"first_start": False})
    with ManagementClient(url, identity.ca_pem) as client:
        client.sign_in("admin", "a long password")
        client.add_hardware(identity.id, f"simulator:{name}", "root", "geheim", name=name)


async def test_a_recorder_follows_management_and_goes_on_without_it(tmp_path: Path) -> None:
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    settings = RecordingSettings(management_url=url, name="North", hosts=("127.0.0.1",))
    recorder_data = tmp_path
    async with management(tmp_path, port) as servers:
        identity = await joined(settings, recorder_data, MEDIA_PORT, CLOCK)
        assert await joined(settings, recorder_data, MEDIA_PORT, CLOCK) == identity
        for file in identity_folder(recorder_data).iterdir():
            assert file.stat().st_mode & 0o777 == 0o600
        async with following(settings, identity, recorder_data) as applied:
            await applied.with_hardware(set())
            await asyncio.to_thread(add_camera, servers, url, identity, "gate")
            newest = await applied.with_hardware({"gate"})
            assert newest.hardware[0].password == "geheim"
            await asyncio.to_thread(_seen_online, url, identity)
    # Management is gone. The recorder starts all the same, at once, with what it knew ...
    async with following(settings, identity, recorder_data) as applied:
        assert await applied.with_hardware({"gate"}) == newest
        for file in (recorder_data / "recording" / "configuration").iterdir():
            assert b"geheim" not in file.read_bytes()
        # ... and follows again when it comes back.
        async with management(tmp_path, port) as servers:
            servers.tell("management", {"first_start": False})
            await asyncio.to_thread(add_camera, servers, url, identity, "yard")
            await applied.with_hardware({"gate", "yard"})


def _seen_online(url: str, identity: Identity) -> None:
    with ManagementClient(url, identity.ca_pem) as client:
        client.sign_in("admin", "a long password")
        (recorder,) = client.recording_servers()
        assert recorder.online
        assert recorder.media_uri == f"wss://127.0.0.1:{MEDIA_PORT}/media"


async def test_without_a_token_the_recorder_says_where_to_get_one(tmp_path: Path) -> None:
    port = free_port()
    settings = RecordingSettings(management_url=f"https://127.0.0.1:{port}")
    with pytest.raises(SettingsError, match=r"ca\.pem"):
        await joined(settings, tmp_path, MEDIA_PORT, CLOCK)
    async with management(tmp_path, port):
        (tmp_path / "enrolment-token").unlink()
        with pytest.raises(SettingsError, match="one-time token"):
            await joined(settings, tmp_path, MEDIA_PORT, CLOCK)


def test_a_damaged_identity_is_named_and_not_replaced(tmp_path: Path) -> None:
    folder = identity_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "account.json").write_text("{")
    with pytest.raises(IdentityDamaged) as damaged:
        load_identity(tmp_path)
    assert damaged.value.params["path"] == str(folder)
    assert (folder / "account.json").read_text() == "{"
