"""The durable outbox: what is put in comes out, once, in order, whatever happens in between."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from common.api.audit import AuditEntry
from common.foundation.clock import SystemClock
from common.foundation.errors import ServerUnreachable
from common.foundation.ids import new_id
from server.runtime.audit_trail import AuditTrail
from server.runtime.delivery import deliver_audit
from server.runtime.outbox import Outbox, OutboxUnusable


def test_messages_come_out_in_order_and_once(tmp_path):
    outbox = Outbox(tmp_path / "o.sqlite3")
    assert outbox.put([("a", "1"), ("b", "2")]) == 0
    assert outbox.put([("a", "1"), ("c", "3")]) == 0
    assert outbox.oldest(2) == [("a", "1"), ("b", "2")]
    outbox.remove(["a", "b"])
    assert outbox.oldest(5) == [("c", "3")]
    outbox.close()


def test_a_full_one_refuses_the_newest_and_says_how_many(tmp_path):
    outbox = Outbox(tmp_path / "o.sqlite3", most=2)
    assert outbox.put([("a", ""), ("b", ""), ("c", ""), ("d", "")]) == 2
    assert [identifier for identifier, _ in outbox.oldest(9)] == ["a", "b"]
    outbox.close()


def test_what_was_put_survives_a_kill(tmp_path):
    code = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from server.runtime.outbox import Outbox
        outbox = Outbox(Path(sys.argv[1]))
        for number in range(20):
            outbox.put([(f"id{number}", "x")])
            print(number, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    file = tmp_path / "o.sqlite3"
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    outbox = Outbox(file)
    assert len(outbox.oldest(100)) == 20
    outbox.close()


@pytest.mark.parametrize("damage", [b"garbage" * 200, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_file_is_set_aside_and_kept(tmp_path, damage):
    file = tmp_path / "o.sqlite3"
    file.write_bytes(damage)
    outbox = Outbox(file)
    assert outbox.set_aside is not None
    assert outbox.set_aside.read_bytes() == damage
    assert outbox.put([("a", "1")]) == 0
    outbox.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "o.sqlite3").mkdir()
    with pytest.raises(OutboxUnusable) as caught:
        Outbox(tmp_path / "o.sqlite3")
    assert str(tmp_path) in str(caught.value.params["path"])


def entry(number):
    return AuditEntry(id=new_id(), at_us=number, category="live", action=f"n{number}")


async def test_delivery_goes_on_after_failures_and_loses_nothing(tmp_path):
    outbox = Outbox(tmp_path / "o.sqlite3")
    trail = AuditTrail(outbox, SystemClock())
    taken, failures = [], 2
    done = asyncio.Event()

    async def send(batch):
        nonlocal failures
        taken.extend(each.action for each in batch.entries)  # it came, and then the answer was lost
        if failures:
            failures -= 1
            raise ServerUnreachable("gone", server="x")
        if {f"n{number}" for number in range(30)} <= set(taken):
            done.set()

    with trail.running("test.audit"):
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(deliver_audit(outbox, trail, send, SystemClock()))
            for number in range(30):
                trail.note(entry(number))
            await asyncio.wait_for(done.wait(), 30)
            delivering.cancel()
    outbox.close()


async def test_an_entry_of_an_unknown_kind_does_not_stop_those_behind_it(tmp_path):
    outbox = Outbox(tmp_path / "o.sqlite3")
    outbox.put([("x", "{}")])
    trail = AuditTrail(outbox, SystemClock())
    came = asyncio.Event()

    async def send(batch):
        if batch.entries:
            came.set()

    with trail.running("test.audit"):
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(deliver_audit(outbox, trail, send, SystemClock()))
            trail.note(entry(1))
            await asyncio.wait_for(came.wait(), 30)
            delivering.cancel()
    outbox.close()


def test_a_disk_that_fails_is_told_and_what_is_lost_is_counted(tmp_path, caplog):
    outbox = Outbox(tmp_path / "o.sqlite3")
    trail = AuditTrail(outbox, SystemClock())
    outbox._connection.execute("DROP TABLE outbox")
    with trail.running("test.audit"):
        trail.note(entry(1))
        while not any("not kept" in record.message for record in caplog.records):
            pass
        outbox._connection.execute(
            "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT)"
        )
        trail.note(entry(2))
    bodies = " ".join(body for _, body in outbox.oldest(10))
    assert "audit entries lost" in bodies
    assert "n2" in bodies
    outbox.close()


def test_it_is_readable_by_its_owner_only(tmp_path):
    outbox = Outbox(tmp_path / "o.sqlite3")
    outbox.put([("a", "1")])
    outbox.close()
    assert (tmp_path / "o.sqlite3").stat().st_mode & 0o077 == 0
    with sqlite3.connect(tmp_path / "o.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
    connection.close()
