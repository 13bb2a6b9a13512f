"""Evidence locks made, changed, removed, and copied to storages that were away."""

from pathlib import Path

import pytest

from common.api.evidence import LockPatch, LockRequest
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from server.recording.mediadb.contract import Span
from server.recording.mediadb.layout import prepare_root
from server.recording.mediadb.locks import LockBook, lock_path, read_locks
from server.recording.storages.evidence import EvidenceLocks, LockWrong, NoSuchLock

CAMERA, OTHER = DeviceId("camera"), DeviceId("other")


def test_a_lock_lives_until_it_is_removed_wherever_its_copies_are(tmp_path: Path) -> None:
    one, two, data = tmp_path / "one", tmp_path / "two", tmp_path / "data"
    prepare_root(one, None)
    locks = EvidenceLocks(data, SystemClock())
    locks.follow((one, two))
    made = locks.create(LockRequest(devices=(CAMERA, CAMERA), start_us=10, end_us=20, comment="theft"), "anna")
    book = LockBook((data, one), SystemClock().now_us)
    assert book.locked(CAMERA, Span(UtcUs(0), UtcUs(11)))
    assert not book.locked(CAMERA, Span(UtcUs(0), UtcUs(10)))
    assert not book.locked(CAMERA, Span(UtcUs(20), UtcUs(30)))
    assert not book.locked(OTHER, Span(UtcUs(10), UtcUs(20)))
    prepare_root(two, None)  # this disk was away
    locks.reconcile()
    assert read_locks(two)[0].keys() == {made.id}
    locks.change(made.id, LockPatch(end_us=50))
    assert book.locked(CAMERA, Span(UtcUs(40), UtcUs(60)))
    lock_path(data, made.id).unlink()  # the recorder's own disk was replaced
    assert [lock.end_us for lock in locks.known(CAMERA)] == [50]
    assert locks.known(OTHER) == []
    locks.follow((one,))  # the other disk is away again
    locks.remove(made.id)
    locks.follow((one, two))
    assert locks.known() == []
    locks.reconcile()
    assert not LockBook((two,), SystemClock().now_us).locked(CAMERA, Span(UtcUs(10), UtcUs(20)))
    with pytest.raises(NoSuchLock):
        locks.remove(made.id)


def test_what_makes_no_lock_is_refused(tmp_path: Path) -> None:
    locks = EvidenceLocks(tmp_path, SystemClock())
    with pytest.raises(LockWrong):
        locks.create(LockRequest(devices=(CAMERA,), start_us=10, end_us=20, expires_us=5), "anna")
    assert locks.known() == []
