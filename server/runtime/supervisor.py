"""Starts daemons in order, keeps them running whatever happens to the others, and stops them in order."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.settings import variable
from server.runtime.child_process import ChildProcess, DaemonCommand, DaemonNotStarted
from server.runtime.data_lock import locked_data
from server.runtime.tables import TABLES, check_ports, listening_address, load_tables, overrides, ports_of

STOP_S: Mapping[str, float] = {"recording": 20.0}  # it seals open recording files
_PORT_KEYS: Mapping[str, tuple[str, str]] = {
    "management": ("https", "https_port"),
    "recording": ("media", "media_port"),
}


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What `vedette-server run` was asked for. `environ` is what daemons inherit; they are modules of `package`."""

    daemons: Sequence[str]
    data: Path
    config: Path | None
    port_offset: int
    environ: Mapping[str, str]
    package: str = "server"


class RunningServers:
    """Daemons that all answer."""

    def __init__(self, children: Mapping[str, ChildProcess]) -> None:
        self._children = children

    def addresses(self) -> dict[str, dict[str, Any]]:
        """Return what each daemon told about itself."""
        return {name: dict(child.addresses) for name, child in self._children.items()}

    def local_management(self) -> str:
        """Return the address of management for programs of this machine."""
        return local_address(self._children["management"])

    def tell(self, daemon: str, changed: Mapping[str, object]) -> None:
        """Correct what a daemon told at its start; a value of None is left out from now on."""
        known = {**self._children[daemon].addresses, **changed}
        self._children[daemon].addresses = {key: value for key, value in known.items() if value is not None}

    def pids(self) -> dict[str, int | None]:
        """Return each daemon's process id; None while it is down."""
        return {name: child.pid for name, child in self._children.items()}

    def ready_line(self, more: Mapping[str, object]) -> str:
        """Return the one line a script waits for."""
        return "ready " + json.dumps({**self.addresses(), **more})


@asynccontextmanager
async def running_servers(plan: RunPlan, clock: Clock) -> AsyncIterator[RunningServers]:
    """Run daemons while inside: entered when all answer, left when all have ended.

    Raises SettingsError, PortTaken, DataInUse or DaemonNotStarted.
    """
    tables = load_tables(plan.daemons, plan.config, plan.environ)
    ports = ports_of(tables, plan.port_offset)
    with locked_data(plan.data) as lock_fd:
        check_ports(ports)
        told = overrides(ports, plan.port_offset)
        children: dict[str, ChildProcess] = {}
        running: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as tasks:
                for name in (name for name in TABLES if name in plan.daemons):
                    stop_s = STOP_S.get(name, 10.0)
                    command = DaemonCommand(
                        name, f"{plan.package}.{name}", plan.data, plan.config, plan.environ, lock_fd, stop_s
                    )
                    child = ChildProcess(command, clock, listening_address(tables[name]), dict(told.get(name, {})))
                    if name == "recording" and "management" in children:
                        child.environ |= _where_management_is(
                            children["management"], tables["recording"].model_fields_set
                        )
                    children[name] = child
                    running[name] = tasks.create_task(child.run(), name=f"daemon {name}")
                    await _answers(child)
                    child.environ |= _same_port_again(child)
                try:
                    yield RunningServers(children)
                finally:
                    await _stop_in_order(running)
        except BaseExceptionGroup as several:
            failure = several.subgroup(VmsError)
            while isinstance(failure, BaseExceptionGroup):
                failure = failure.exceptions[0]  # type: ignore[assignment]  # a leaf ends the loop
            raise (failure or several) from None


async def _stop_in_order(running: Mapping[str, asyncio.Task[None]]) -> None:
    """Stop the last started first: the recorder seals its files while management still answers."""
    for task in reversed(list(running.values())):
        task.cancel()
        await asyncio.wait([task])


async def _answers(child: ChildProcess) -> None:
    try:
        async with asyncio.timeout(child.command.start_s):
            await child.first_ready.wait()
    except TimeoutError:
        command = child.command
        raise DaemonNotStarted(
            f"it did not answer within {command.start_s:.0f} s",
            daemon=command.name,
            log=str(command.data / "logs" / f"{command.name}.log"),
        ) from None


def local_address(management: ChildProcess) -> str:
    """Return management's address by loopback where it listens there: its own name need not resolve on its machine."""
    told = str(management.addresses["https"])
    everywhere = management.address in ("0.0.0.0", "::")
    return re.sub(r"^https://(\[[^]]*\]|[^/:]+)", "https://127.0.0.1", told) if everywhere else told


def _where_management_is(management: ChildProcess, already_set: set[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    where = {"management_url": local_address(management), "management_ca_file": str(management.addresses["ca"])}
    for key, value in where.items():
        if key not in already_set:
            told[variable("recording", key)] = value
    return told


def _same_port_again(child: ChildProcess) -> dict[str, str]:
    """Have a daemon that took any free port take the same one when it is started again: others know it by now."""
    name = child.command.name
    address, key = _PORT_KEYS.get(name, ("", ""))
    port = re.search(r":(\d+)(?:/|$)", str(child.addresses.get(address, "")))
    return {variable(name, key): port[1]} if port else {}
