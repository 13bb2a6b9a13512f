"""The gateway's side of the archiving process: starts it, tells it the plan, hears how its jobs stand, replaces it."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from server.recording.archiving.plan import ArchivingPlan
from server.recording.processes import end, start_module

log = logging.getLogger(__name__)

_SETTLED_S = 30.0
_MOST_EVENT_BYTES = 4 << 20
_MOST_ORDERS = 100
_STOP_S = 10.0
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class ArchivingHost:
    """One archiving process, from the first plan that has work for it until cancelled.

    `status`: the jobs as the process told them last, each a mapping as `archiving.status.shown` makes it.
    """

    def __init__(self, data: Path, clock: Clock, hung_s: float = 30.0) -> None:
        self._data = data
        self._clock = clock
        self._hung_s = hung_s
        self._plan: ArchivingPlan | None = None
        self._changed = asyncio.Event()
        self._orders: list[str] = []
        self.status: tuple[Mapping[str, object], ...] = ()
        self.pid: int | None = None
        self.restarts = 0

    def assign(self, plan: ArchivingPlan) -> None:
        """Have this done from now on; after a restart of the process again."""
        if plan != self._plan:
            self._plan = plan
            self._changed.set()

    def run_now(self, job: str) -> None:
        """Let a job of `status` begin."""
        self._order({"run": job})

    def cancel(self, job: str) -> None:
        """End a job's run until it is due again."""
        self._order({"cancel": job})

    def _order(self, order: Mapping[str, str]) -> None:
        if len(self._orders) < _MOST_ORDERS:
            self._orders.append(json.dumps(order))
            self._changed.set()

    async def run(self) -> None:
        """Keep the process running until cancelled; then let it stop where it is."""
        retry = Backoff(0.5, 30.0)
        while self._plan is None or not self._plan.storages:
            await self._changed.wait()
            self._changed.clear()
        while True:
            began_s = self._clock.monotonic_s()
            try:
                process = await start_module(
                    ("server.recording.archiving", "--data", str(self._data)), _MOST_EVENT_BYTES
                )
            except OSError as failed:
                log.error("archiving cannot be started", extra={"reason": str(failed)})
                await self._clock.sleep(retry.next_s())
                continue
            self.pid = process.pid
            try:
                await self._serve(process)
            finally:
                await _stop(process)
                self.pid, self.status = None, ()
            if self._clock.monotonic_s() - began_s >= _SETTLED_S:
                retry.succeeded()
            self.restarts += 1
            log.error("archiving ended and is started again", extra={"exit_code": process.returncode})
            await self._clock.sleep(retry.next_s())

    async def _serve(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.TaskGroup() as tasks:
            feeding = tasks.create_task(self._feed(process), name="archiving feed")
            await self._hear(process)
            feeding.cancel()

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        told: ArchivingPlan | None = None
        while True:
            lines = []
            if self._plan is not None and self._plan != told:
                told = self._plan
                lines.append(json.dumps({"plan": told.model_dump(mode="json")}))
            lines += self._orders
            self._orders.clear()
            with contextlib.suppress(ConnectionError):  # it has just ended; its output says so too
                for line in lines:
                    process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
            await self._changed.wait()
            self._changed.clear()

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                async with asyncio.timeout(self._hung_s):
                    line = await process.stdout.readline()
            except TimeoutError:
                log.error("archiving hangs and is replaced", extra={"pid": process.pid})
                await end(process)
                return
            except ValueError:  # longer than the limit: the rest of it comes as the next line
                log.error("archiving sent an event that is too long")
                continue
            if not line:
                return
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            log.warning("archiving said", extra={"text": line[:500].decode(errors="replace").rstrip()})
        elif event.get("event") == "archiving_status":
            self.status = tuple(job for job in event.get("jobs", ()) if isinstance(job, dict))
        else:
            level = _LEVELS.get(str(event.pop("level", "info")), logging.INFO)
            text = str(event.pop("event", "archiving event"))
            log.log(level, text, extra={f"event_{name}": value for name, value in event.items()})


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the process by closing its input, and if that does not help in time, by force: it can go on anywhere."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        log.error("archiving does not end and is killed", extra={"waited_s": _STOP_S})
        await end(process)
