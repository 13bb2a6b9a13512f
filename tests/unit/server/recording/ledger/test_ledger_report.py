"""What the command line tells of how much is recorded."""

import json
from pathlib import Path

import pytest

from common.foundation.clock import US_PER_S, SystemClock
from common.foundation.ids import DeviceId
from server.recording.ledger.keeper import LedgerKeeper
from server.recording.ledger.reasons import ASSIGNED, Reason
from server.recording.ledger.report import main
from tests.support.hand_clock import HandClock

DEVICE = DeviceId("11111111-1111-4111-8111-111111111111")


def test_the_report_is_for_machines_and_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = HandClock()
    clock.wall_us = SystemClock().now_us() - 600 * US_PER_S
    keeper = LedgerKeeper(tmp_path, clock)
    keeper.open(DEVICE, ASSIGNED)
    keeper.open(DEVICE, Reason.NETWORK, "no way to it")
    clock.pass_by(600 * US_PER_S)
    keeper.beat()
    keeper.write_now()
    call = [str(tmp_path), str(tmp_path / "recordings"), "--days", "2", "--zone", "Europe/Berlin"]
    assert main([*call, "--json"]) == 0
    (days,) = json.loads(capsys.readouterr().out)["devices"].values()
    assert sum(day["missing_s"].get("network", 0) for day in days) == pytest.approx(600, abs=20)
    assert days[-1]["percent"] == 0
    assert main(call) == 0
    assert DEVICE in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*call, "--zone", "Nowhere/Here"])
    assert "Nowhere" in capsys.readouterr().err


def test_a_ledger_that_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"no database" * 1000)
    assert main([str(tmp_path), str(tmp_path / "recordings"), "--json"]) == 2
    assert "ledger" in json.loads(capsys.readouterr().out)["error"]
