"""One daemon as a child process: started, heard when it is ready, started again when it dies, stopped in order."""

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from server.runtime.daemon import EXIT_REFUSED

log = logging.getLogger(__name__)

_SETTLED_S = 30.0  # a daemon that ran this long is started again at once
_MOST_FIRST_FAILURES = 5
_MOST_READY_BYTES = 64 * 1024
_PR_SET_PDEATHSIG = 1  # prctl(2)


class DaemonNotStarted(VmsError):
    """A daemon ended before it ever answered."""

    message_key = "error.daemon_not_started"


@dataclass(frozen=True, slots=True)
class DaemonCommand:
    """How a daemon is started. `lock_fd` is the data folder's lock, which it inherits; `stop_s`: time to end in."""

    name: str
    module: str
    data: Path
    config: Path | None
    environ: Mapping[str, str]
    lock_fd: int
    stop_s: float = 10.0
    start_s: float = 60.0

    def arguments(self, ready_fd: int) -> list[str]:
        config = ["--config", str(self.config)] if self.config else []
        return [
            *(sys.executable, "-m", self.module),
            *("--data", str(self.data), "--ready-fd", str(ready_fd)),
            *config,
        ]


@dataclass(slots=True)
class ChildProcess:
    """A daemon from its first start to its last stop. `environ` is read at each start; it listens on `address`."""

    command: DaemonCommand
    clock: Clock
    address: str = "0.0.0.0"
    environ: dict[str, str] = field(default_factory=dict)
    pid: int | None = None
    restarts: int = 0
    first_ready: asyncio.Event = field(default_factory=asyncio.Event)
    addresses: dict[str, Any] = field(default_factory=dict)

    async def run(self) -> None:
        """Keep the daemon running until cancelled, then stop it. Raises DaemonNotStarted before it first answered."""
        retry = Backoff(0.2, 15.0)
        name = self.command.name
        while True:
            began_s = self.clock.monotonic_s()
            exit_code = await self._once()
            if not self.first_ready.is_set() and (exit_code == EXIT_REFUSED or self.restarts >= _MOST_FIRST_FAILURES):
                raise DaemonNotStarted(
                    f"it ended with exit code {exit_code}",
                    daemon=name,
                    log=str(self.command.data / "logs" / f"{name}.log"),
                )
            if self.clock.monotonic_s() - began_s >= _SETTLED_S:
                retry.succeeded()
            self.restarts += 1
            wait_s = retry.next_s()
            log.error(
                "daemon ended and is started again",
                extra={"ended": name, "exit_code": exit_code, "restarts": self.restarts, "wait_s": round(wait_s, 2)},
            )
            await self.clock.sleep(wait_s)

    async def _once(self) -> int:
        read_fd, write_fd = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command.arguments(write_fd),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr,  # our own standard output carries the ready line only
                env={**self.command.environ, **self.environ},
                pass_fds=(write_fd, self.command.lock_fd),
                start_new_session=True,  # Ctrl-C is for the supervisor, which then stops daemons in order
                preexec_fn=dies_with_parent(),
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        self.pid = process.pid
        log.info("daemon started", extra={"started": self.command.name, "pid": process.pid})
        try:
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(self._hear(read_fd), name=f"{self.command.name} ready")
                exit_code = await process.wait()
                hearing.cancel()
            return exit_code
        finally:
            await self._stop(process)
            self.pid = None

    async def _hear(self, read_fd: int) -> None:
        """Read the line a daemon sends when it answers."""
        reader = asyncio.StreamReader(limit=_MOST_READY_BYTES)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", buffering=0)
        )
        try:
            line = await reader.readline()
            told = json.loads(line)[self.command.name] if line else None
        except (ValueError, KeyError, TypeError):
            told = None
            log.error("daemon sent no ready line", extra={"daemon_name": self.command.name})
        finally:
            transport.close()
        if isinstance(told, dict):
            self.addresses = told
            self.first_ready.set()

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        for send, wait_s in ((process.terminate, self.command.stop_s), (process.kill, 5.0)):
            if process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                send()
            try:
                async with asyncio.timeout(wait_s):
                    await process.wait()
            except TimeoutError:
                log.error("daemon does not end", extra={"daemon_name": self.command.name, "waited_s": wait_s})


def dies_with_parent() -> Callable[[], None] | None:
    """Return what a child runs before its program: the kernel sends it SIGTERM when we die, however we die."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we died before the call above
            os._exit(1)

    return before_exec
