"""A whole site for tests and benchmarks: `vedette-server run` on free ports, with an administrator signed in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.clients.management import ManagementClient
from common.clients.management_values import RecordingServer
from common.net.tls import pinned_context

ROOT = Path(__file__).parents[2]
PASSWORD = "Open-sesame-27"


@dataclass(frozen=True, slots=True)
class RunningSite:
    """`told` is the ready line; `pid` the supervisor's."""

    told: Mapping[str, Mapping[str, str]]
    pid: int
    client: ManagementClient
    ca_pem: str

    @property
    def recorder(self) -> RecordingServer:
        return self.client.recording_servers()[0]

    @property
    def media_uri(self) -> str:
        return self.told["recording"]["media"]

    @property
    def recordings(self) -> Path:
        return Path(self.told["recording"]["recordings"])

    def tls(self):
        return pinned_context(self.ca_pem)


@contextmanager
def running_site(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[RunningSite]:
    """Start the servers on `data`, which may hold an earlier run's; stop them cleanly in the end.

    `settings`: more environment variables for them."""
    data.mkdir(parents=True, exist_ok=True)
    password_file = data / "password"
    password_file.write_text(PASSWORD + "\n")
    environ = {
        **os.environ,
        "VEDETTE_MANAGEMENT__HTTPS_PORT": "0",
        "VEDETTE_MANAGEMENT__ANNOUNCE": "false",
        "VEDETTE_RECORDING__MEDIA_PORT": "0",
        **(settings or {}),
    }
    call = [sys.executable, "-m", "server", "run", "--json", "--data", str(data)]
    with subprocess.Popen(
        [*call, "--admin-password-file", str(password_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environ,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready "), f"the servers did not start: {line!r}"
            told = json.loads(line.removeprefix("ready "))
            ca_pem = Path(told["management"]["ca"]).read_text()
            with ManagementClient(told["management"]["https"], ca_pem) as client:
                client.sign_in("admin", PASSWORD)
                yield RunningSite(told, process.pid, client, ca_pem)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
