"""The first start at a terminal: the administrator's password is asked for until it is good enough."""

import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from common.clients.management import ManagementClient


def terminals_are_here() -> bool:
    """Whether this machine gives out pseudo-terminals (a bare container may not)."""
    try:
        for descriptor in pty.openpty():
            os.close(descriptor)
    except OSError:
        return False
    return True


pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not terminals_are_here(), reason="this machine has no pseudo-terminals"),
]

ROOT = Path(__file__).parents[2]
PASSWORD = "Open-sesame-27"
WAIT_S = 60


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.text = ""
        self._at = 0
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execve(command[0], command, environ)

    def wait_for(self, pattern: str) -> str:
        """Return what matched, in the text after the last match."""
        until_s = time.monotonic() + WAIT_S
        while not (found := re.search(pattern, self.text[self._at :])):
            assert time.monotonic() < until_s, self.text
            if select.select([self._fd], [], [], 0.2)[0]:
                self.text += os.read(self._fd, 65_536).decode(errors="replace")
        self._at += found.end()
        return found.group()

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode() + b"\n")

    def end(self) -> int:
        os.kill(self.pid, signal.SIGINT)
        until_s = time.monotonic() + WAIT_S
        while True:
            if select.select([self._fd], [], [], 0.05)[0]:
                try:
                    os.read(self._fd, 65_536)
                except OSError:  # EIO: the other side has closed its end of the terminal
                    break
            assert time.monotonic() < until_s
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


ENVIRON = {
    **os.environ,
    "VEDETTE_MANAGEMENT__HTTPS_PORT": "0",
    "VEDETTE_MANAGEMENT__ANNOUNCE": "false",
    "VEDETTE_RECORDING__MEDIA_PORT": "0",
    "VEDETTE_STDERR_LEVEL": "ERROR",
}
fork_in_a_test = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def first_start(data: Path) -> Terminal:
    return Terminal([sys.executable, "-m", "server", "run", "--data", str(data)], ENVIRON)


@fork_in_a_test
def test_a_weak_password_is_refused_and_asked_for_again(tmp_path: Path) -> None:
    terminal = first_start(tmp_path)
    try:
        for password in ("short", PASSWORD):
            terminal.wait_for("Password for the first administrator: ")
            terminal.type(password)
            terminal.wait_for("[Rr]epeat[^:]*: ")
            terminal.type(password)
        terminal.wait_for("can sign in now")
        told = terminal.wait_for(r'ready \{.*"https": "https://[^"]+')
        url = told.rpartition('"')[2]
        port = url.rpartition(":")[2]
        ca = (tmp_path / "management" / "ca.pem").read_text()
        with ManagementClient(f"https://127.0.0.1:{port}", ca) as client:
            client.sign_in("admin", PASSWORD)
        assert PASSWORD not in terminal.text
    finally:
        assert terminal.end() == 0


@fork_in_a_test
def test_ctrl_c_at_the_question_stops_everything(tmp_path: Path) -> None:
    terminal = first_start(tmp_path)
    terminal.wait_for("Password for the first administrator: ")
    assert terminal.end() in (0, 1)
    assert "Traceback" not in terminal.text
