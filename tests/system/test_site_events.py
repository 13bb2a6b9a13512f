"""What happens to a real camera reaches clients of the events WebSocket, also past a killed management server."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from common.model import event_ids
from tests.support.events_client import PATH, EventsClient
from tests.support.running_site import RunningSite, running_site

pytestmark = pytest.mark.integration


@asynccontextmanager
async def watching(site: RunningSite) -> AsyncIterator[EventsClient]:
    uri = site.told["management"]["https"].replace("https://", "wss://") + PATH
    token = await asyncio.to_thread(site.client.access_token)
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(uri, ssl=site.tls(), proxy=None, additional_headers=headers) as socket:
        client = EventsClient(socket)
        await client.watch()
        yield client


async def states(client: EventsClient, camera: str) -> dict[str, str]:
    """The types of the camera's states by their groups."""
    told: list[dict[str, Any]] = (await client.ask("getState"))["states"]
    return {each["stategroupid"]: each["type"] for each in told if each["source"] == f"cameras/{camera}"}


async def until_states(site: RunningSite, camera: str, *wanted: str) -> None:
    async with asyncio.timeout(40):
        while True:
            try:
                async with watching(site) as client:
                    while not set(wanted) <= set((await states(client, camera)).values()):
                        await asyncio.sleep(0.2)
                    return
            except (OSError, WebSocketException):
                await asyncio.sleep(0.2)  # the server is on its way


async def test_a_camera_is_watched_by_its_events(tmp_path: Path) -> None:
    with running_site(tmp_path) as site:
        hardware = site.client.add_hardware(site.recorder.id, "simulator:gate?sound=0", "", "", name="Gate")
        camera = site.client.cameras()[0].id
        live = event_ids.COMMUNICATION_STARTED, event_ids.RECORDING_STARTED
        await until_states(site, camera, *live)
        async with watching(site) as client:
            await asyncio.to_thread(site.client.update, "hardware", hardware, {"enabled": False})
            told = await client.events(3)
        assert {(each["source"], each["type"]) for each in told} == {
            (f"cameras/{camera}", event_ids.COMMUNICATION_STOPPED),
            (f"cameras/{camera}", event_ids.RECORDING_STOPPED),
            (f"hardware/{hardware}", event_ids.HARDWARE_COMMUNICATION_STOPPED),
        }
        management = next(
            child for child in psutil.Process(site.pid).children() if "server.management" in child.cmdline()
        )
        os.kill(management.pid, signal.SIGKILL)
        await until_states(site, camera, event_ids.COMMUNICATION_STOPPED)  # the recorder tells it again
        await asyncio.to_thread(site.client.update, "hardware", hardware, {"enabled": True})
        await until_states(site, camera, *live)
