"""Every daemon's settings table, its ports, and what a shift of all ports makes of them."""

import errno
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.foundation.errors import SettingsError, VmsError
from common.foundation.settings import Settings, load_settings, variable
from server.management.settings import ManagementSettings
from server.recording.settings import RecordingSettings

TABLES: Mapping[str, type[Settings]] = {"management": ManagementSettings, "recording": RecordingSettings}
"""In the order the daemons are started."""

_ADDRESS_KEYS = ("listen", "bind_address")


class PortTaken(VmsError):
    """Another program listens where a daemon of ours should."""

    message_key = "error.port_taken"


@dataclass(frozen=True, slots=True)
class Port:
    """One TCP port of a daemon. `free_choice`: the daemon itself takes another when it may not use this one."""

    daemon: str
    key: str
    address: str
    number: int
    free_choice: bool


def load_tables(names: Sequence[str], file: Path | None, environ: Mapping[str, str]) -> dict[str, Settings]:
    """Return the tables of the daemons named. All are read: a mistake in any of them is a SettingsError."""
    tables = {name: load_settings(model, name, file, environ) for name, model in TABLES.items()}
    return {name: table for name, table in tables.items() if name in names}


def listening_address(table: Settings) -> str:
    """Return the address a daemon listens on; `0.0.0.0` and `::` are all of them."""
    keys = type(table).model_fields
    return next((str(getattr(table, key)) for key in _ADDRESS_KEYS if key in keys), "0.0.0.0")


def ports_of(tables: Mapping[str, Settings], offset: int) -> list[Port]:
    """Return every port, shifted by `offset`; 0 (any) stays. Raises SettingsError when one leaves the range."""
    found: list[Port] = []
    for daemon, table in tables.items():
        address = listening_address(table)
        for key in type(table).model_fields:
            if not key.endswith("port"):
                continue
            number = int(getattr(table, key))
            is_default = key not in table.model_fields_set
            if number and offset:
                number += offset
                if not 1 <= number <= 65_535:
                    raise SettingsError(
                        f"--port-offset {offset} makes [{daemon}] {key} {number}: there is no such port"
                    )
            found.append(Port(daemon, key, address, number, is_default and not offset and number < 1024))
    return found


def overrides(ports: Sequence[Port], offset: int) -> dict[str, dict[str, str]]:
    """Return the environment that tells each daemon its shifted ports."""
    told: dict[str, dict[str, str]] = {port.daemon: {} for port in ports}
    for port in ports:
        if offset and port.number:
            told[port.daemon][variable(port.daemon, port.key)] = str(port.number)
    return told


def check_ports(ports: Sequence[Port]) -> None:
    """Raise PortTaken for the first port somebody else listens on, or that two of our daemons would share."""
    ours: dict[int, Port] = {}
    for port in ports:
        if port.number == 0 or port.free_choice:
            continue
        if port.number in ours:
            other = ours[port.number]
            raise SettingsError(f"[{port.daemon}] {port.key} and [{other.daemon}] {other.key} are both {port.number}")
        ours[port.number] = port
        family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((port.address, port.number))
                probe.listen(1)
            except PermissionError:
                raise SettingsError(
                    f"[{port.daemon}] {port.key} is {port.number}, and ports below 1024 need privileges"
                ) from None
            except OSError as failed:
                if failed.errno == errno.EADDRINUSE:
                    raise PortTaken(str(failed), port=port.number, daemon=port.daemon, setting=port.key) from None
                raise SettingsError(f"[{port.daemon}] cannot listen on {port.address}: {failed.strerror}") from None
