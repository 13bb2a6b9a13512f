"""The supervisor with real processes: order, restarts, ends in good order, and refusals a person can act on."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from common.foundation.clock import SystemClock
from common.foundation.errors import VmsError
from server.runtime.child_process import DaemonNotStarted
from server.runtime.data_lock import DataInUse
from server.runtime.supervisor import RunPlan, running_servers

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PORTS_ANY = {"VEDETTE_MANAGEMENT__HTTPS_PORT": "0", "VEDETTE_RECORDING__MEDIA_PORT": "0"}
ENVIRON = {**os.environ, **PORTS_ANY, "PYTHONPATH": str(ROOT)}


def plan_of(data: Path) -> RunPlan:
    return RunPlan(("management", "recording"), data, None, 0, ENVIRON, package="tests.support.small_daemons")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


async def test_a_killed_daemon_comes_back_at_the_same_address_and_the_other_one_stays(tmp_path: Path) -> None:
    async with running_servers(plan_of(tmp_path), SystemClock()) as servers:
        before, addresses = servers.pids(), servers.addresses()
        assert before["management"] is not None
        os.kill(before["management"], signal.SIGKILL)
        await until(lambda: servers.pids()["management"] not in (None, before["management"]))
        await until(lambda: servers.addresses()["management"]["pid"] == servers.pids()["management"])
        assert servers.addresses()["management"]["https"] == addresses["management"]["https"]
        assert servers.pids()["recording"] == before["recording"]


async def test_leaving_stops_every_daemon_in_good_order(tmp_path: Path) -> None:
    async with running_servers(plan_of(tmp_path), SystemClock()) as servers:
        pids = servers.pids()
    for name, pid in pids.items():
        assert pid is not None
        assert gone(pid)
        assert (tmp_path / f"{name}.sealed").read_text() == str(pid)


async def test_the_recorder_is_told_where_management_is(tmp_path: Path) -> None:
    async with running_servers(plan_of(tmp_path), SystemClock()) as servers:
        url = servers.addresses()["management"]["https"]
        told = (tmp_path / "recording.environ").read_text().splitlines()
    assert f"VEDETTE_RECORDING__MANAGEMENT_URL={url}" in told
    assert f"VEDETTE_RECORDING__MANAGEMENT_CA_FILE={tmp_path / 'ca.pem'}" in told


async def test_a_second_server_on_the_same_data_is_refused_and_names_the_process(tmp_path: Path) -> None:
    async with running_servers(plan_of(tmp_path), SystemClock()):
        with pytest.raises(DataInUse) as refused:
            async with running_servers(plan_of(tmp_path), SystemClock()):
                pass
    assert refused.value.params["pid"] == os.getpid()


async def test_a_daemon_that_refuses_its_settings_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "recording.refuse").write_text("78")
    with pytest.raises(DaemonNotStarted) as failed:
        async with running_servers(plan_of(tmp_path), SystemClock()):
            pass
    assert failed.value.params["daemon"] == "recording"
    assert (tmp_path / "management.sealed").exists()


async def test_daemons_end_by_themselves_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.small_daemons.supervised", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
        env=ENVIRON,
    )
    assert supervisor.stdout is not None
    line = (await supervisor.stdout.readline()).decode()
    pids = [told["pid"] for told in json.loads(line.removeprefix("ready ")).values()]
    supervisor.kill()
    await supervisor.wait()
    # A new start waits for those that are still sealing their files, and then has the folder.
    async with running_servers(plan_of(tmp_path), SystemClock()):
        assert all(map(gone, pids))
        assert {(tmp_path / f"{name}.sealed").read_text() for name in ("management", "recording")} == set(
            map(str, pids)
        )


def run_cli(data: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", "run", "--data", str(data), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, **PORTS_ANY, "COLUMNS": "400", **environ},
    )


def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_cli(tmp_path, VEDETTE_RECORDING__MEDIA_PORT=str(port))
    assert ended.returncode == 1
    assert f"Port {port} is taken" in ended.stderr
    assert "media_port in table [recording]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    file = tmp_path / "vedette.toml"
    file.write_text("[recording]\nmedia_prot = 7563\n")
    ended = run_cli(tmp_path, "--config", str(file))
    assert ended.returncode == 78
    assert f"media_prot in {file} is not a setting; did you mean 'media_port'?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_unknown_daemon_is_refused(tmp_path: Path) -> None:
    ended = run_cli(tmp_path, "recorder")
    assert ended.returncode == 2
    assert "There is no daemon 'recorder'" in ended.stderr


def test_every_refusal_is_a_vms_error_with_a_sentence() -> None:
    from common.foundation.catalog import explain

    for error in (DataInUse("x", path="/d", pid=1), DaemonNotStarted("x", daemon="d", log="l")):
        assert isinstance(error, VmsError)
        assert explain(error) != error.message_key
