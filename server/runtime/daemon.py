"""What makes a process a daemon: its arguments, its logs, a word when it answers, and an end in good order.

    def main() -> None:
        run_daemon("recording", serve)

    async def serve(started: Daemon) -> None:
        settings = load_settings(RecordingSettings, "recording", started.config, os.environ)
        async with everything(settings, started.data) as running:
            started.ready({"media": running.address})
            await started.stopped()

SIGTERM and SIGINT cancel `serve`. A VmsError that leaves it is told on stderr as a sentence, without a trace.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.foundation.catalog import explain
from common.foundation.errors import SettingsError, VmsError
from common.foundation.logs import logging_to

EXIT_REFUSED = 78  # EX_CONFIG of sysexits.h: starting again without a change does not help
EXIT_FAILED = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Daemon:
    """What a daemon was started with. `config` None: there is no settings file."""

    name: str
    data: Path
    config: Path | None
    ready_fd: int | None

    def ready(self, addresses: Mapping[str, object]) -> None:
        """Tell whoever started us that we answer, and where; call it once."""
        line = json.dumps({self.name: dict(addresses)}) + "\n"
        if self.ready_fd is None:
            sys.stdout.write(line)
            sys.stdout.flush()
            return
        with os.fdopen(self.ready_fd, "w", encoding="utf-8") as pipe:
            pipe.write(line)

    async def stopped(self) -> None:
        """Wait for the end, which comes as cancellation."""
        await asyncio.Event().wait()


def daemon_arguments(name: str, arguments: Sequence[str]) -> Daemon:
    """Read a daemon's command line: `--data DIR [--config FILE] [--ready-fd N]`."""
    parser = argparse.ArgumentParser(prog=f"python -m server.{name}")
    parser.add_argument("--data", type=Path, required=True, help="folder for everything this daemon keeps")
    parser.add_argument("--config", type=Path, default=None, help="settings file (TOML)")
    parser.add_argument("--ready-fd", type=int, default=None, help="descriptor that gets one JSON line when it answers")
    read = parser.parse_args(arguments)
    return Daemon(name, read.data.resolve(), read.config, read.ready_fd)


def run_daemon(name: str, serve: Callable[[Daemon], Awaitable[None]], arguments: Sequence[str] | None = None) -> None:
    """Run `serve` until SIGTERM or SIGINT, then leave the process with 0, 1 or EXIT_REFUSED."""
    started = daemon_arguments(name, sys.argv[1:] if arguments is None else arguments)
    try:
        started.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with logging_to(name, started.data):
            sys.exit(_run(started, serve))
    except OSError as failed:
        sys.stderr.write(f"The data folder {started.data} cannot be used: {failed}\n")
        sys.exit(EXIT_REFUSED)


def _run(started: Daemon, serve: Callable[[Daemon], Awaitable[None]]) -> int:
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_signal(started, serve))
    except VmsError as failed:
        sentence = explain(failed)
        log.error("stopped", extra={"reason": sentence})
        return EXIT_REFUSED if isinstance(failed, SettingsError) else EXIT_FAILED
    except Exception:
        log.critical("stopped by a fault of our own", exc_info=True)
        return EXIT_FAILED
    return 0


async def _until_signal(started: Daemon, serve: Callable[[Daemon], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    assert task is not None
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():  # a second signal must not break off the sealing of files
            stopping.set()
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await serve(started)
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise
        log.info("stopped")
    except BaseExceptionGroup as several:
        raise _narrowed(several) from several


def _narrowed(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one VmsError a task group wrapped, else the group: a person reads one sentence, not a tree."""
    leaves: list[BaseException] = []
    stack: list[BaseException] = [several]
    while stack:
        error = stack.pop()
        if isinstance(error, BaseExceptionGroup):
            stack += error.exceptions
        else:
            leaves.append(error)
    return leaves[0] if all(isinstance(leaf, VmsError) for leaf in leaves) else several


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
