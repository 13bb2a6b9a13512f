"""The Events and State WebSocket of a real management server, as third parties use it."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from common.model import event_ids
from tests.support.events_client import EVERYTHING, PATH, EventsClient
from tests.support.management_rig import START_US, Management, managing


class Recorder:
    """A recorder with one camera, which tells what the test says."""

    def __init__(self, site: Management) -> None:
        self.site = site
        self.reply, self.token = site.enrol()
        with site.client() as admin:
            self.hardware = admin.add_hardware(self.reply.id, "rtsp://camera.example/", name="Gate")
        self.camera = site.rest("GET", "cameras", site.token()).json()["array"][0]["id"]
        self.number = 0

    def event(
        self, kind: str, group: str = event_ids.COMMUNICATION, source: str = "", **more: object
    ) -> dict[str, Any]:
        told = {"id": str(uuid.uuid4()), "source": "cameras", "source_id": source or self.camera, "type": kind}
        return told | {"at_us": START_US, "state_group": group, **more}

    def tell(self, *events: dict[str, Any], states: tuple[dict[str, Any], ...] = (), epoch: str = "one") -> bool:
        body = {"epoch": epoch, "number": self.number, "events": events, "states": states}
        path = f"/api/internal/v1/recorders/{self.reply.id}/events"
        answer = self.site.send("POST", path, self.token, json=body)
        assert answer.status_code == 200, answer.text
        self.number += len(events)
        return answer.json()["whole"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Management]:
    with managing(tmp_path) as running:
        yield running


@asynccontextmanager
async def connected(site: Management, token: str = "", **more: Any) -> AsyncIterator[EventsClient]:
    context = ssl.create_default_context(cafile=str(site.running.ca))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    uri = site.url.replace("https://", "wss://") + more.pop("path", PATH)
    async with connect(uri, ssl=context, proxy=None, additional_headers=headers, **more) as socket:
        yield EventsClient(socket)


async def test_events_are_told_once_and_every_id_resolves(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    admin = await asyncio.to_thread(site.token)
    async with connected(site, admin, path=PATH + "/") as client:
        started = await client.watch()
        assert (started["status"], started["inactiveTimeoutSeconds"]) == (201, 30)
        happened = recorder.event(event_ids.COMMUNICATION_ERROR, reason="It does not answer.")
        assert await asyncio.to_thread(recorder.tell, happened)  # management has not heard of it before
        recorder.number = 0
        ended = recorder.event(event_ids.COMMUNICATION_STARTED)
        assert not await asyncio.to_thread(recorder.tell, happened, ended)  # the answer got lost: told again
        first, second = await client.events(2)
    assert first == {
        "specversion": "1.0",
        "id": happened["id"],
        "source": f"cameras/{recorder.camera}",
        "type": event_ids.COMMUNICATION_ERROR,
        "time": first["time"],
        "stategroupid": event_ids.COMMUNICATION,
        "datacontenttype": "application/json",
        "data": {"description": "It does not answer."},
    }
    assert datetime.fromisoformat(first["time"]).timestamp() == START_US / 1e6
    assert second["id"] == ended["id"]
    for path in (first["source"], f"eventTypes/{first['type']}", f"stateGroups/{first['stategroupid']}"):
        shown = await asyncio.to_thread(site.rest, "GET", path, admin)
        assert shown.status_code == 200
        assert shown.json()["data"]["displayName"]


async def test_states_are_the_last_of_each_group_and_survive_a_restart_of_the_recorder(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    admin = await asyncio.to_thread(site.token)
    lost, live = recorder.event(event_ids.COMMUNICATION_ERROR), recorder.event(event_ids.COMMUNICATION_STARTED)
    recording = recorder.event(event_ids.RECORDING_STARTED, event_ids.RECORDING)
    await asyncio.to_thread(recorder.tell, lost, live, recording)
    async with connected(site, admin) as client:
        await client.watch()
        told = await client.ask("getState")
        assert {each["id"] for each in told["states"]} == {live["id"], recording["id"]}
        recorder.number = 0
        assert await asyncio.to_thread(recorder.tell, epoch="two")
        stopped = recorder.event(event_ids.RECORDING_STOPPED, event_ids.RECORDING)
        await asyncio.to_thread(recorder.tell, states=(live, stopped), epoch="two")
        assert [each["id"] for each in await client.events(1)] == [stopped["id"]]  # the other one is as it was
        told = await client.ask("getState")
        assert {each["id"] for each in told["states"]} == {live["id"], stopped["id"]}
        await asyncio.to_thread(site.rest, "DELETE", f"hardware/{recorder.hardware}", admin)
        assert (await client.ask("getState"))["states"] == []


async def test_a_recorder_that_falls_silent_takes_its_states_with_it(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    admin = await asyncio.to_thread(site.token)
    body = {"address": "127.0.0.1", "port": 7563, "version": "1"}
    path = f"/api/internal/v1/recorders/{recorder.reply.id}/status"
    async with connected(site, admin) as client:
        await client.watch()
        await asyncio.to_thread(site.send, "POST", path, recorder.token, json=body)
        online = (await client.events(1))[0]
        assert (online["source"], online["type"]) == (
            f"recordingServers/{recorder.reply.id}",
            event_ids.RECORDER_ONLINE,
        )
        await asyncio.to_thread(recorder.tell, recorder.event(event_ids.COMMUNICATION_STARTED))
        await client.events(1)
        site.clock.move(60)
        gone, camera = await client.events(2)
        assert gone["type"] == event_ids.RECORDER_OFFLINE
        assert (camera["source"], camera["type"]) == (f"cameras/{recorder.camera}", event_ids.COMMUNICATION_STOPPED)
        assert "recording server" in camera["data"]["description"]
        assert await asyncio.to_thread(recorder.tell)  # back: it is asked for everything


async def test_a_session_is_taken_up_behind_the_last_event(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    admin = await asyncio.to_thread(site.token)
    kinds = [event_ids.COMMUNICATION_ERROR, event_ids.COMMUNICATION_STARTED] * 2
    events = [recorder.event(kind) for kind in kinds]
    async with connected(site, admin) as client:
        session = (await client.watch())["sessionId"]
        await asyncio.to_thread(recorder.tell, *events[:2])
        seen = await client.events(2)
    await asyncio.to_thread(recorder.tell, *events[2:])
    async with connected(site, admin) as client:
        assert (await client.watch(sessionId=session, eventId=seen[0]["id"]))["status"] == 200
        assert [each["id"] for each in await client.events(3)] == [each["id"] for each in events[1:]]
    async with connected(site, admin) as client:
        assert (await client.watch(sessionId=session, eventId="never happened"))["status"] == 201
    site.clock.move(31)
    async with connected(site, admin) as client:
        assert (await client.watch(sessionId=session))["status"] == 201


async def test_nobody_takes_up_a_session_of_somebody_else(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    await asyncio.to_thread(site.add_operator)
    operator = await asyncio.to_thread(site.token, "olga")
    async with connected(site, admin) as client:
        session = (await client.watch())["sessionId"]
        async with connected(site, admin) as second:  # nor twice at a time
            assert (await second.watch(sessionId=session))["status"] == 201
    async with connected(site, operator) as client:
        assert (await client.watch(sessionId=session))["status"] == 201


async def test_filters_and_subscriptions(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    admin = await asyncio.to_thread(site.token)
    camera = {"modifier": "include", "resourceTypes": ["Cameras"], "sourceIds": [recorder.camera.upper()]}
    not_lost = {"modifier": "exclude", "eventTypes": [event_ids.COMMUNICATION_ERROR]}
    async with connected(site, admin) as client:
        await client.ask("startSession")
        first = await client.ask("addSubscription", filters=[camera, not_lost], subscriptionId="mine")
        assert first["subscriptionId"] == "mine"
        lost, live = recorder.event(event_ids.COMMUNICATION_ERROR), recorder.event(event_ids.COMMUNICATION_STARTED)
        await asyncio.to_thread(recorder.tell, lost, live)
        assert [each["id"] for each in await client.events(1)] == [live["id"]]
        assert (await client.ask("removeSubscription", subscriptionId="mine"))["status"] == 200
        assert (await client.ask("removeSubscription", subscriptionId="mine"))["status"] == 404
        assert (await client.ask("getState"))["states"] == []
        assert (await client.ask("addSubscription", filters=[{"modifier": "maybe"}]))["status"] == 400
        for _ in range(100):
            await client.ask("addSubscription", filters=EVERYTHING)
        full = await client.ask("addSubscription", filters=EVERYTHING)
        assert (full["status"], "100" in full["error"]["errorText"]) == (400, True)


async def test_users_are_told_of_what_they_may_see_only(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    admin = await asyncio.to_thread(site.token)
    made = await asyncio.to_thread(
        site.rest, "POST", "basicUsers", admin, json={"name": "nora", "password": "correct horse 9"}
    )
    assert made.status_code == 201
    nobody = await asyncio.to_thread(site.token, "nora")
    await asyncio.to_thread(site.add_operator)
    operator = await asyncio.to_thread(site.token, "olga")
    async with connected(site, nobody) as blind, connected(site, operator) as client:
        await blind.watch()
        await client.watch()
        await asyncio.to_thread(recorder.tell, recorder.event(event_ids.COMMUNICATION_STARTED))
        await client.events(1)
        assert (await blind.ask("getState"))["states"] == []
        assert blind.pushed == []


async def test_a_recorder_speaks_for_its_own_devices_only(site: Management) -> None:
    recorder = await asyncio.to_thread(Recorder, site)
    other, token = await asyncio.to_thread(site.enrol, "other")
    admin = await asyncio.to_thread(site.token)
    async with connected(site, admin) as client:
        await client.watch()
        own = recorder.event(event_ids.COMMUNICATION_STARTED, source=other.id) | {"source": "recordingServers"}
        body = {"epoch": "x", "number": 0, "events": [recorder.event(event_ids.COMMUNICATION_ERROR), own]}
        path = f"/api/internal/v1/recorders/{other.id}/events"
        assert (await asyncio.to_thread(site.send, "POST", path, token, json=body)).status_code == 200
        assert [each["id"] for each in await client.events(1)] == [own["id"]]
        wrong = f"/api/internal/v1/recorders/{recorder.reply.id}/events"
        assert (await asyncio.to_thread(site.send, "POST", wrong, token, json=body)).status_code == 403
        assert (await asyncio.to_thread(site.send, "POST", path, admin, json=body)).status_code == 403
        for garbage in ({}, {"epoch": "x", "number": -1}, {"epoch": "x", "number": 0, "events": [{"id": "7"}]}):
            assert (await asyncio.to_thread(site.send, "POST", path, token, json=garbage)).status_code == 400


async def test_signing_in_and_nonsense(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    with pytest.raises(InvalidStatus) as refused:
        async with connected(site, "nonsense"):
            pass
    assert refused.value.response.status_code == 401
    async with connected(site, subprotocols=["EventsAndStateWebSocketApi"]) as client:
        assert client.socket.subprotocol == "EventsAndStateWebSocketApi"
        assert (await client.ask("startSession"))["status"] == 401
        assert (await client.ask("authenticate", token="Bearer nonsense"))["status"] == 401
        assert (await client.ask("authenticate", token=f"Bearer {admin}"))["status"] == 200
        assert (await client.ask("authenticate", token=f"Bearer {admin}"))["status"] == 400
        assert (await client.ask("getState"))["status"] == 400
        assert (await client.ask("fly"))["status"] == 400
        assert (await client.ask("startSession"))["status"] == 201
        assert (await client.ask("startSession"))["status"] == 400
        await client.socket.send("[]")
        assert (await client.receive())["status"] == 400
    for garbage in ("", "{", "[" * 5000, b"\x00\xff"):
        async with connected(site, admin) as client:
            await client.socket.send(garbage)
            async with asyncio.timeout(20):
                await client.socket.wait_closed()
            assert client.socket.close_code == 1007


async def test_a_removed_user_is_sent_away(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    user = await asyncio.to_thread(site.add_operator)
    async with connected(site, await asyncio.to_thread(site.token, "olga")) as client:
        await client.watch()
        await asyncio.to_thread(site.rest, "DELETE", f"basicUsers/{user}", admin)
        async with asyncio.timeout(20):
            await client.socket.wait_closed()
        assert client.socket.close_code == 1008
