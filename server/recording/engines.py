"""Starts, feeds, restarts and stops the engine processes, which own cameras and write recordings.

An engine is told its hardware as one JSON line on its standard input, the whole list on each change, and ends when that
input ends. Its standard output is JSON lines of events, which are logged here.
"""

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.api.recorder_configuration import RecordedHardware, RecordedStorage
from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.ids import DeviceId, HardwareId
from server.recording.assignment import spread
from server.recording.engine.events import STOP_LINE
from server.recording.processes import start_module
from server.recording.storages.places import without_archive_secrets

log = logging.getLogger(__name__)

_SETTLED_S = 30.0  # an engine that ran this long is restarted at once again
_MOST_EVENT_BYTES = 1024 * 1024
_HUNG_S = 15.0  # an engine says every two seconds that it is alive
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """How an engine process is started: its folders, and more `options` for its command line.

    `seal_s` is how long it may take to finish its files when stopped; silent for `hung_s`, it is killed and replaced.
    """

    root: Path
    data: Path
    sockets: Path
    options: tuple[str, ...] = ()
    seal_s: float = 15.0
    module: str = "server.recording.engine"
    hung_s: float = _HUNG_S

    def socket(self, number: int) -> Path:
        return self.sockets / f"engine-{number}.sock"

    def arguments(self, number: int) -> Sequence[str]:
        return (
            self.module,
            *("--root", str(self.root)),
            *("--socket", str(self.socket(number))),
            *("--data", str(self.data)),
            *self.options,
        )


class Engine:
    """One engine process, from the first start to the last stop."""

    def __init__(
        self, number: int, command: EngineCommand, clock: Clock, heard: Callable[[Mapping[str, object]], None]
    ) -> None:
        """`heard` is given each event that the process reports."""
        self.number = number
        self._heard = heard
        self._command = command
        self._clock = clock
        self._wanted = ""  # the assignment line that is in force
        self._changed = asyncio.Event()
        self.lost_bytes: Counter[DeviceId] = Counter()
        """What the disks were too slow for, since this began."""
        self.restarts = 0
        self.pid: int | None = None

    @property
    def socket(self) -> Path:
        return self._command.socket(self.number)

    def assign(self, line: str) -> None:
        """Have the engine do this from now on; after a restart again."""
        if line != self._wanted:
            self._wanted = line
            self._changed.set()

    async def run(self) -> None:
        """Keep the process running until cancelled; then let it seal its files and end."""
        retry = Backoff(0.2, 5.0)
        while True:
            began_s = self._clock.monotonic_s()
            try:
                process = await start_module(self._command.arguments(self.number), _MOST_EVENT_BYTES)
            except OSError as failed:
                log.error("engine cannot be started", extra={"engine": self.number, "reason": str(failed)})
                await self._clock.sleep(retry.next_s())
                continue
            self.pid = process.pid
            try:
                await self._serve(process)
            finally:
                await self._stop(process)
                self.pid = None
            if self._clock.monotonic_s() - began_s >= _SETTLED_S:
                retry.succeeded()
            self.restarts += 1
            log.error(
                "engine ended and is started again",
                extra={"engine": self.number, "exit_code": process.returncode, "restarts": self.restarts},
            )
            await self._clock.sleep(retry.next_s())

    async def _serve(self, process: asyncio.subprocess.Process) -> None:
        """Feed the process and log its events until it ends."""
        log.info("engine started", extra={"engine": self.number, "pid": process.pid})
        async with asyncio.TaskGroup() as tasks:
            feeding = tasks.create_task(self._feed(process), name=f"engine {self.number} feed")
            await self._log_events(process)
            feeding.cancel()

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._wanted:
                with contextlib.suppress(ConnectionError):  # it has just ended; its output says so too
                    process.stdin.write(self._wanted.encode() + b"\n")
                    await process.stdin.drain()

    async def _log_events(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                async with asyncio.timeout(self._command.hung_s):
                    line = await process.stdout.readline()
            except TimeoutError:
                log.error("engine hangs and is replaced", extra={"engine": self.number, "pid": process.pid})
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                return
            except ValueError:  # longer than the limit: the rest of it comes as the next line
                log.error("engine sent an event that is too long", extra={"engine": self.number})
                continue
            if not line:
                return
            event = _log_event(self.number, line)
            self._heard(event)
            if event.get("event") == "overflow" and isinstance(event.get("size_bytes"), int):
                self.lost_bytes[DeviceId(str(event.get("device")))] += event["size_bytes"]

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """End the process: by closing its input, and if that does not help in time, by force."""
        assert process.stdin is not None
        if not process.stdin.is_closing():  # it died by itself
            with contextlib.suppress(ConnectionError):
                process.stdin.write(STOP_LINE)  # else the recording ledger calls it a failure
        process.stdin.close()
        for wait_s, force in ((self._command.seal_s + 2.0, process.terminate), (2.0, process.kill)):
            try:
                async with asyncio.timeout(wait_s):
                    await process.wait()
            except TimeoutError:
                log.error("engine does not end", extra={"engine": self.number, "waited_s": wait_s})
                with contextlib.suppress(ProcessLookupError):
                    force()
        await process.wait()


def _log_event(number: int, line: bytes) -> dict[str, Any]:
    """Write an engine's event line into our log: its `event` is the text, the rest are fields. Return it."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        log.warning("engine said", extra={"engine": number, "text": line[:500].decode(errors="replace").rstrip()})
        return {}
    fields = {f"event_{name}": value for name, value in event.items() if name not in ("level", "event")}
    level = _LEVELS.get(str(event.get("level", "info")), logging.INFO)
    log.log(level, str(event.get("event", "engine event")), extra={"engine": number} | fields)
    return event


def _nobody(_: Mapping[str, object]) -> None:
    """Nobody listens to events."""


class EngineHost:
    """All engines of a recorder, and who has which camera."""

    def __init__(
        self, count: int, command: EngineCommand, clock: Clock, heard: Callable[[Mapping[str, object]], None]
    ) -> None:
        self.engines = tuple(Engine(number, command, clock, heard) for number in range(count))
        self._placed: Mapping[HardwareId, int] = {}

    def lost_bytes(self) -> Mapping[DeviceId, int]:
        """What the disks were too slow for, by device."""
        return sum((engine.lost_bytes for engine in self.engines), Counter())

    def assign(
        self,
        hardware: Iterable[RecordedHardware],
        retain_minutes: int,
        manual: Iterable[DeviceId],
        storages: Iterable[RecordedStorage] = (),
    ) -> dict[HardwareId, Engine]:
        """Spread the hardware, tell every engine its part, and return who has what."""
        known = {item.id: item for item in hardware}
        by_hand = set(manual)
        stored = [without_archive_secrets(storage).model_dump(mode="json") for storage in storages]
        self._placed = spread(known, self._placed, len(self.engines))
        for engine in self.engines:
            mine = [known[item] for item, number in self._placed.items() if number == engine.number]
            devices = {device.id for item in mine for device in item.devices}
            engine.assign(
                json.dumps(
                    {
                        "hardware": [item.model_dump(mode="json") for item in mine],
                        "storages": stored,
                        "retain_minutes": retain_minutes,
                        "manual": sorted(by_hand & devices),
                    },
                    separators=(",", ":"),
                )
            )
        return {item: self.engines[number] for item, number in self._placed.items()}


@asynccontextmanager
async def running_engines(
    count: int, command: EngineCommand, clock: Clock, heard: Callable[[Mapping[str, object]], None] = _nobody
) -> AsyncIterator[EngineHost]:
    """Run `count` engines until left; returns when all have sealed their files and ended. `heard` is given what they
    report."""
    host = EngineHost(count, command, clock, heard)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(engine.run(), name=f"engine {engine.number}") for engine in host.engines]
        try:
            yield host
        finally:
            for task in running:
                task.cancel()
