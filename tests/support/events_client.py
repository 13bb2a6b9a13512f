"""A client of the Events and State WebSocket, as a third party would write it."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection

PATH = "/api/ws/events/v1"
EVERYTHING = [{"modifier": "include", "resourceTypes": ["*"], "sourceIds": ["*"], "eventTypes": ["*"]}]


class EventsClient:
    """One connection. `pushed`: events that came while an answer was waited for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._commands = 0
        self.pushed: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return json.loads(await self.socket.recv())

    async def ask(self, command: str, **fields: object) -> dict[str, Any]:
        number, self._commands = self._commands, self._commands + 1
        await self.socket.send(json.dumps({"command": command, "commandId": number, **fields}))
        while True:
            answer = await self.receive()
            if "events" not in answer:
                assert answer["commandId"] == number
                return answer
            self.pushed += answer["events"]

    async def events(self, count: int) -> list[dict[str, Any]]:
        while len(self.pushed) < count:
            self.pushed += (await self.receive())["events"]
        taken, self.pushed = self.pushed[:count], self.pushed[count:]
        return taken

    async def watch(self, filters: list[dict[str, Any]] | None = None, **session: str) -> dict[str, Any]:
        started = await self.ask("startSession", **{"sessionId": "", "eventId": "", **session})
        if started["status"] == 201:
            assert (await self.ask("addSubscription", filters=filters or EVERYTHING))["status"] == 200
        return started
