"""The demo as a user starts it: all daemons, four cameras, the same again at the second start, and a clean end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.clients.management import ManagementClient

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
CAMERAS = {"Entrance", "Car park", "Loading dock", "Reception"}


@contextmanager
def demo(data: Path) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    environ = {
        **os.environ,
        "VEDETTE_MANAGEMENT__HTTPS_PORT": "0",
        "VEDETTE_MANAGEMENT__ANNOUNCE": "false",
        "VEDETTE_RECORDING__MEDIA_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "demo", "--json", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environ,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready ")
        yield process, json.loads(line.removeprefix("ready "))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        if process.stdout is not None:
            process.stdout.close()


def camera_names(told: dict[str, Any]) -> list[str]:
    at = told["demo"]
    password = Path(at["password_file"]).read_text().strip()
    with ManagementClient(at["url"], Path(at["ca"]).read_text()) as client:
        client.sign_in(at["user"], password)
        return sorted(hardware.name for hardware in client.hardware())


def test_the_demo_has_four_cameras_also_at_its_second_start(tmp_path: Path) -> None:
    passwords = set()
    for _ in range(2):
        with demo(tmp_path) as (_, told):
            assert camera_names(told) == sorted(CAMERAS)
            assert set(told) == {"management", "recording", "demo"}
            assert "setup_code" not in told["management"]
            file = Path(told["demo"]["password_file"])
            assert file.stat().st_mode & 0o777 == 0o600
            passwords.add(file.read_text())
            port = int(re.findall(r":(\d+)", told["recording"]["media"])[-1])
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert len(passwords) == 1
