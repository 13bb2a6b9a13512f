"""The demo's servers with their four simulated cameras, on free ports, for tests of the real clients."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.clients.management import ManagementClient
from common.ui.session import Session

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class DemoSite:
    """Where the running demo is and how to sign in."""

    url: str
    user: str
    password_file: Path
    ca_file: Path

    @property
    def password(self) -> str:
        return self.password_file.read_text().strip()

    def arguments(self) -> list[str]:
        """Return what a client's command line needs to sign in."""
        return [
            *("--server", self.url, "--user", self.user),
            *("--password-file", str(self.password_file), "--ca-file", str(self.ca_file)),
        ]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Sign in."""
        ca_pem = self.ca_file.read_text()
        with ManagementClient(self.url, ca_pem) as client:
            client.sign_in(self.user, self.password)
            yield Session(client, ca_pem, self.url, self.user)


@contextmanager
def demo_site(data: Path) -> Iterator[DemoSite]:
    """Start the demo's servers on `data`; stop them cleanly in the end."""
    environ = {
        **os.environ,
        "VEDETTE_MANAGEMENT__HTTPS_PORT": "0",
        "VEDETTE_MANAGEMENT__ANNOUNCE": "false",
        "VEDETTE_RECORDING__MEDIA_PORT": "0",
    }
    call = [sys.executable, "-m", "server", "demo", "--json", "--data", str(data)]
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environ
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready "), f"the demo did not start: {line!r}"
            told = json.loads(line.removeprefix("ready "))["demo"]
            yield DemoSite(told["url"], told["user"], Path(told["password_file"]), Path(told["ca"]))
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
