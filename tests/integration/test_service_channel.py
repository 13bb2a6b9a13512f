"""The service channel of a real management server: what is told, in order, once, and only to whom it may be."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from common.api import service_channel
from tests.support.management_rig import Management, managing


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Management]:
    with managing(tmp_path) as running:
        yield running


@asynccontextmanager
async def connected(site: Management) -> AsyncIterator[ClientConnection]:
    context = ssl.create_default_context(cafile=str(site.running.ca))
    uri = site.url.replace("https://", "wss://") + service_channel.PATH
    async with connect(uri, ssl=context, proxy=None) as socket:
        yield socket


async def said(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["op"] != "heartbeat":
                return message


@asynccontextmanager
async def listening(site: Management, token: str, **known: object) -> AsyncIterator[tuple[ClientConnection, Any]]:
    async with connected(site) as socket:
        await socket.send(json.dumps({"op": "hello", "token": token, **known}))
        yield socket, await said(socket)


async def rest(site: Management, method: str, path: str, token: str, **body: object) -> Any:
    answer = await asyncio.to_thread(site.rest, method, path, token, **body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def new_user(site: Management, token: str, name: str) -> str:
    made = await rest(site, "POST", "basicUsers", token, json={"name": name, "password": "correct horse 9"})
    return str(made["result"]["id"])


async def closed_with(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(20):
        await socket.wait_closed()
    return socket.close_code


async def test_changes_are_told_in_order_and_once(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    async with listening(site, admin) as (socket, welcome):
        assert not welcome["resumed"]
        user = await new_user(site, admin, "anna")
        await rest(site, "PATCH", f"basicUsers/{user}", admin, json={"description": "at the gate"})
        await rest(site, "DELETE", f"basicUsers/{user}", admin)
        told = [await said(socket) for _ in range(3)]
        assert [(each["change"], each["resource"], each["id"]) for each in told] == [
            ("created", "basicUsers", user),
            ("changed", "basicUsers", user),
            ("deleted", "basicUsers", user),
        ]
        assert [each["number"] for each in told] == [welcome["last"] + place for place in (1, 2, 3)]
        assert told[1]["version"] == 2


async def test_a_client_that_comes_back_is_told_what_it_missed(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    async with listening(site, admin) as (_, welcome):
        pass
    await new_user(site, admin, "anna")
    async with listening(site, admin, epoch=welcome["epoch"], after=welcome["last"]) as (socket, again):
        assert again["resumed"]
        assert (await said(socket))["change"] == "created"
    for wrong in ({"epoch": "another", "after": 0}, {"epoch": welcome["epoch"], "after": 10**9}):
        async with listening(site, admin, **wrong) as (_, again):
            assert not again["resumed"]


async def test_operators_are_not_told_of_users(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    await asyncio.to_thread(site.add_operator)
    operator = await asyncio.to_thread(site.token, "olga")
    async with listening(site, operator) as (socket, _):
        await new_user(site, admin, "anna")
        site_id = (await rest(site, "GET", "sites", admin))["array"][0]["id"]
        await rest(site, "PATCH", f"sites/{site_id}", admin, json={"description": "new"})
        assert (await said(socket))["resource"] == "sites"


async def test_recorders_come_and_go(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    reply, token = await asyncio.to_thread(site.enrol)
    async with listening(site, admin) as (socket, _):
        body = {"address": "127.0.0.1", "port": 7563, "version": "1"}
        await asyncio.to_thread(site.send, "POST", f"/api/internal/v1/recorders/{reply.id}/status", token, json=body)
        while (told := await said(socket))["what"] != "state":
            assert told["resource"] in ("recordingServers", "storages")
        assert (told["change"], told["id"]) == ("online", reply.id)
        site.clock.move(60)
        while (told := await said(socket))["what"] != "state":
            continue
        assert (told["change"], told["id"]) == ("offline", reply.id)


async def test_who_may_not_listen(site: Management) -> None:
    async with connected(site) as socket:
        await socket.send(json.dumps({"op": "hello", "token": "nonsense"}))
        assert await closed_with(socket) == service_channel.NOT_SIGNED_IN
    admin = await asyncio.to_thread(site.token)
    for garbage in ("", "{", "[]", '{"op":"what"}', '{"op":"hello","token":7}', b"\x00\xff", "x" * 10_000):
        async with connected(site) as socket:
            await socket.send(garbage)
            assert await closed_with(socket) == service_channel.BAD_MESSAGE
    async with listening(site, admin) as (socket, _):
        await socket.send(json.dumps({"op": "hello", "token": admin}))
        assert await closed_with(socket) == service_channel.BAD_MESSAGE


async def test_a_removed_user_is_sent_away(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    user = await asyncio.to_thread(site.add_operator)
    operator = await asyncio.to_thread(site.token, "olga")
    async with listening(site, operator) as (socket, _):
        await rest(site, "DELETE", f"basicUsers/{user}", admin)
        assert await closed_with(socket) == service_channel.NOT_SIGNED_IN


async def test_a_token_that_ends_ends_the_connection_unless_it_is_renewed(site: Management) -> None:
    admin = await asyncio.to_thread(site.token)
    async with listening(site, admin) as (socket, _):
        site.clock.move(3500)
        fresh = await asyncio.to_thread(site.token)
        await socket.send(json.dumps({"op": "authenticate", "token": fresh}))
        await new_user(site, fresh, "anna")
        assert (await said(socket))["change"] == "created"
        site.clock.move(3700)
        await socket.send(json.dumps({"op": "authenticate", "token": fresh}))
        assert await closed_with(socket) == service_channel.NOT_SIGNED_IN


async def test_the_server_stops_with_listeners_connected(tmp_path: Path) -> None:
    with managing(tmp_path) as site:
        admin = await asyncio.to_thread(site.token)
        async with connected(site) as socket:
            await socket.send(json.dumps({"op": "hello", "token": admin}))
            assert (await said(socket))["op"] == "welcome"
            stopping = asyncio.get_running_loop().run_in_executor(None, site.stop)
            assert await closed_with(socket) in (1001, 1012)
            await stopping
