"""The ledger's file and its keeper: bounded while the disk takes nothing, settled after a kill, pruned, DST days."""

import os
import sqlite3
from datetime import UTC, date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.ledger import keeper as keeper_module
from server.recording.ledger.days import day_span, days_of
from server.recording.ledger.keeper import LedgerKeeper, keeping
from server.recording.ledger.proof import RecordingProof
from server.recording.ledger.reasons import ASSIGNED, Reason
from server.recording.ledger.store import LEDGER, OPEN, LedgerFile
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader

DEVICE = DeviceId("11111111-1111-4111-8111-111111111111")


def noted(data: Path) -> list[tuple[str, int, int]]:
    with sqlite3.connect(data / LEDGER) as connection:
        found = connection.execute("SELECT reason, from_us, to_us FROM entries ORDER BY id").fetchall()
    connection.close()
    return found


async def test_causes_that_come_back_are_one_entry(tmp_path: Path) -> None:
    keeper = LedgerKeeper(tmp_path, SystemClock())
    async with keeping(keeper):
        for _ in range(100):
            keeper.open(DEVICE, Reason.NETWORK, "no way to it")
            keeper.close_(DEVICE, {Reason.NETWORK})
        keeper.open(DEVICE, Reason.NETWORK, "another way")
    (first, second) = noted(tmp_path)
    assert first[1] < first[2] <= second[1]
    assert second[2] == OPEN


def test_a_ledger_that_cannot_be_written_holds_no_more_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "_MOST_CLOSED", 50)
    (tmp_path / "data").write_text("a file where the folder should be")
    keeper = LedgerKeeper(tmp_path / "data", SystemClock())
    for number in range(1000):
        keeper.open(DEVICE, Reason.NETWORK, f"reason {number}")
    with pytest.raises(StorageError):
        keeper.write_now()
    assert keeper.joined > 900
    (tmp_path / "data").unlink()
    keeper.write_now()
    rows = noted(tmp_path / "data")
    assert len(rows) <= 52
    ends = sorted(rows, key=lambda row: row[1])
    assert ends[-1][2] == OPEN
    assert max(row[2] for row in rows[:-1]) >= ends[-1][1]  # joined: nothing between first and last is uncovered


def test_a_damaged_ledger_is_put_aside_and_begun_again(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(b"this is no database" * 1000)
    keeper = LedgerKeeper(tmp_path, SystemClock())
    keeper.open(DEVICE, ASSIGNED)
    keeper.write_now()
    assert len(noted(tmp_path)) == 1
    assert (tmp_path / f"{LEDGER}.damaged").exists()


def test_the_ledger_can_be_written_while_the_disk_is_full(tmp_path: Path) -> None:
    """Space inside the file and its log is kept free: what is noted then takes no new page."""
    keeper = LedgerKeeper(tmp_path, SystemClock())
    keeper.write_now()
    before = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    for _ in range(5):
        for number in range(300):
            keeper.open(DeviceId(f"camera {number}"), Reason.DISK_FULL, "no space left on the device")
            keeper.close_(DeviceId(f"camera {number}"))
        for _ in range(100):
            keeper.beat()
            keeper.write_now()
    assert {file.name: file.stat().st_size for file in tmp_path.iterdir()} == before


def test_old_entries_are_forgotten(tmp_path: Path) -> None:
    keeper, clock = LedgerKeeper(tmp_path, SystemClock()), SystemClock()
    keeper.open(DEVICE, ASSIGNED)
    keeper.open(DEVICE, Reason.NETWORK, "gone")
    keeper.close_(DEVICE, {Reason.NETWORK})
    keeper.write_now()
    file = LedgerFile(tmp_path, writable=True)
    file.prune(clock.now_us() + US_PER_S)
    assert [row[0] for row in noted(tmp_path)] == [ASSIGNED]
    proof = RecordingProof(tmp_path, MediaDatabaseReader(tmp_path / "media"), clock.now_us)
    (gap,) = proof.explain(TrackKey(DEVICE, PRIMARY), Span(UtcUs(0), clock.now_us()))
    assert gap.reason is Reason.DELETED
    proof.close()
    file.close()


def test_without_a_ledger_nothing_is_claimed(tmp_path: Path) -> None:
    clock = SystemClock()
    proof = RecordingProof(tmp_path, MediaDatabaseReader(tmp_path / "media"), clock.now_us)
    now = clock.now_us()
    (gap,) = proof.explain(TrackKey(DEVICE, PRIMARY), Span(UtcUs(now - US_PER_S), now))
    assert gap.reason is Reason.POLICY
    assert proof.percent_recorded(TrackKey(DEVICE, PRIMARY), date(2026, 3, 29), UTC).percent is None
    assert not any(os.scandir(tmp_path))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 6, 1), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # summer time begins at midnight
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ],
)
def test_local_days_have_their_true_length(zone: str, day: date, hours: float) -> None:
    span = day_span(day, ZoneInfo(zone))
    assert (span.end - span.start) / (3600 * US_PER_S) == hours
    assert days_of(span, ZoneInfo(zone)) == [day]
