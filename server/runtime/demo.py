"""`vedette demo`: the servers with four simulated cameras, and the Smart Client signed in to them.

Each part is a program of its own; this one starts them in order and stops them in order. It shows the first picture
as early as it can: the virtual display starts while the servers do.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from common.foundation.catalog import explain
from common.foundation.errors import VmsError
from server.runtime.child_process import dies_with_parent

_SERVERS_STOP_S = 40.0
_CLIENT_STOP_S = 10.0
_SCREEN = "1920x1080x24"


class NoDisplay(VmsError):
    """There is no screen, and nothing to make a virtual one with."""

    message_key = "error.no_display"


class ServersNotStarted(VmsError):
    """The servers ended before they were ready; they have said why."""

    message_key = "error.demo_servers_ended"


@dataclass(frozen=True, slots=True)
class Ready:
    """What the servers told when they answered."""

    url: str
    user: str
    password_file: str
    ca_file: str
    everything: Mapping[str, Any]

    @classmethod
    def from_line(cls, line: str) -> "Ready":
        told = json.loads(line.removeprefix("ready "))
        demo = told["demo"]
        return cls(demo["url"], demo["user"], demo["password_file"], demo["ca"], told)


class _Stopped(BaseException):
    """SIGTERM or Ctrl-C came."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo until the client is closed, or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="vedette demo", description="Vedette with four simulated cameras.")
    parser.add_argument("--headless", action="store_true", help="servers only; print the addresses and wait")
    parser.add_argument("--data", type=Path, default=Path("demo-data"), help="folder for everything (demo-data)")
    parser.add_argument("--config", type=Path, help="settings file")
    parser.add_argument("--port-offset", type=int, default=0, help="shift every port by this")
    wanted = parser.parse_args(arguments)
    options = ["--data", str(wanted.data), "--port-offset", str(wanted.port_offset)]
    options += ["--config", str(wanted.config)] if wanted.config else []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        sys.exit(_run(options, headless=wanted.headless))
    except _Stopped:
        sys.exit(0)
    except VmsError as failed:
        sys.stderr.write(explain(failed) + "\n")
        sys.exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: what is being stopped seals its files
    raise _Stopped


def _run(options: Sequence[str], *, headless: bool) -> int:
    with contextlib.ExitStack() as parts:
        display: Mapping[str, str] = {} if headless else parts.enter_context(_display(os.environ))
        servers = parts.enter_context(
            _program(["server", "demo", "--json", *options], _SERVERS_STOP_S, stdout=subprocess.PIPE)
        )
        assert servers.stdout is not None
        ready = _wait_ready(servers.stdout)
        if headless:
            _tell(ready)
            return servers.wait()
        sign_in = ["--server", ready.url, "--user", ready.user]
        sign_in += ["--password-file", ready.password_file, "--ca-file", ready.ca_file]
        environ = {**os.environ, **display}
        client = parts.enter_context(_program(["smartclient.app.main", *sign_in], _CLIENT_STOP_S, env=environ))
        _tell(ready)
        return client.wait()


def _wait_ready(stdout: IO[str]) -> Ready:
    for line in stdout:
        if line.startswith("ready "):
            return Ready.from_line(line)
    raise ServersNotStarted("the servers ended before they were ready")


def _tell(ready: Ready) -> None:
    sys.stdout.write(f"Vedette demo at {ready.url}, user {ready.user}, password in {ready.password_file}\n")
    for name, told in ready.everything.items():
        sys.stdout.write(f"  {name}: {json.dumps(told)}\n")
    sys.stdout.write("Ctrl-C stops it.\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _program(module: Sequence[str], stop_s: float, **how: Any) -> Iterator["subprocess.Popen[str]"]:
    """Run a module of ours while inside; on leaving it is asked to stop, then made to."""
    with _stopping(
        subprocess.Popen(
            [sys.executable, "-P", "-m", *module],
            text=True,
            start_new_session=True,  # Ctrl-C is for us
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - we have no threads
            **how,
        ),
        stop_s,
    ) as process:
        yield process


@contextlib.contextmanager
def _stopping(process: "subprocess.Popen[str]", stop_s: float) -> Iterator["subprocess.Popen[str]"]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(stop_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextlib.contextmanager
def _display(environ: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Give the variables that lead to a screen: the one there is, else a virtual one while inside."""
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") or environ.get("QT_QPA_PLATFORM") == "offscreen":
        yield {}
        return
    program = shutil.which("Xvfb")
    if program is None:
        raise NoDisplay("neither DISPLAY nor WAYLAND_DISPLAY is set, and Xvfb is not installed")
    read_fd, write_fd = os.pipe()
    with tempfile.TemporaryFile() as said, os.fdopen(read_fd) as number:
        # -displayfd: Xvfb takes a free number and tells it when it answers
        command = [program, "-displayfd", str(write_fd), "-screen", "0", _SCREEN, "-nolisten", "tcp"]
        process = subprocess.Popen(
            command,
            text=True,
            stdout=said,
            stderr=said,
            pass_fds=(write_fd,),
            start_new_session=True,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - we have no threads
        )
        os.close(write_fd)
        with _stopping(process, 5.0):
            display = number.readline().strip()
            if not display:
                said.seek(0)
                raise NoDisplay(said.read().decode(errors="replace"))
            sys.stderr.write(f"There is no display: the Smart Client runs on a virtual one, :{display}\n")
            yield {"DISPLAY": f":{display}"}


if __name__ == "__main__":
    main()
