"""Retention, size cap, free-space ladder, safety stop and evidence locks: what is deleted, and what never is."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId, new_id
from common.media.access_unit import PRIMARY
from server.recording.mediadb import cleaning
from server.recording.mediadb.cleaning import Cleaner
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.events import DeletionHeld, SpaceBlocked, StorageEvent
from server.recording.mediadb.holding import HELD_US, SafetyStop
from server.recording.mediadb.index import SealedSegment, SegmentIndex
from server.recording.mediadb.layout import prepare_root, segment_path, segments_on_disk
from server.recording.mediadb.locks import EvidenceLock, LockBook, lock_path, write_lock
from server.recording.mediadb.settings import Limits, WriterSettings
from server.recording.mediadb.space import DiskReserved, Room

MINUTE_US = 60 * US_PER_S
T0 = UtcUs(1_700_000_000_000_000)
DEVICES = tuple(DeviceId(f"{n}1111111-1111-4111-8111-111111111111") for n in range(3))
SEGMENT_BYTES = 1000


class MovedClock:
    def __init__(self) -> None:
        self.now = T0

    def now_us(self) -> UtcUs:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1e6

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Disk:
    """A storage of small files on a disk of a size that a test chooses."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, **options: int) -> None:
        self.root, self.clock, self.events = root, MovedClock(), list[StorageEvent]()
        prepare_root(root, None)
        self.index = SegmentIndex(root, writable=True)
        self.size_bytes = 1 << 40
        self.settings = WriterSettings(
            **{"min_free_bytes": 0, "retain_minutes": 10**9, "keep_newest_minutes": 0, **options}  # type: ignore[arg-type]
        )
        monkeypatch.setattr(cleaning, "_free_bytes", lambda root: self.free_bytes)
        self.cleaner = self.new_cleaner()

    def new_cleaner(self) -> Cleaner:
        book = LockBook((self.root / "data", self.root), self.clock.now_us)
        return Cleaner(
            self.root,
            self.index,
            self.clock,
            self.settings,
            on_event=self.events.append,
            prepare=lambda: None,
            locks=book,
        )

    @property
    def used_bytes(self) -> int:
        return SEGMENT_BYTES * len(self.starts())

    @property
    def free_bytes(self) -> int:
        return self.size_bytes - self.used_bytes

    def record(self, device: DeviceId = DEVICES[0], start: int | None = None) -> UtcUs:
        """A segment of a minute."""
        key, at = TrackKey(device, PRIMARY), UtcUs(self.clock.now if start is None else start)
        path = segment_path(self.root, key, at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(SEGMENT_BYTES))
        self.index.record([SealedSegment(key, at, UtcUs(at + MINUTE_US), 0, SEGMENT_BYTES, b"")], [])
        return at

    def fill(self, count: int) -> list[int]:
        made = [self.record(start=self.clock.now + n * MINUTE_US) for n in range(count)]
        self.clock.now = UtcUs(self.clock.now + count * MINUTE_US)
        return made

    def starts(self) -> list[int]:
        return sorted(found.start for found in segments_on_disk(self.root))

    def lock(self, start: int, end: int, device: DeviceId = DEVICES[0], expires: int | None = None) -> EvidenceLock:
        made = EvidenceLock(
            id=str(new_id()),
            version=1,
            devices=(device,),
            start_us=UtcUs(start),
            end_us=UtcUs(end),
            owner="anna",
            created_us=self.clock.now,
            expires_us=None if expires is None else UtcUs(expires),
        )
        write_lock(self.root / "data", made)
        return made


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(tmp_path, monkeypatch)
    yield made
    made.index.close()


def test_a_locked_span_outlives_retention_until_it_expires(disk: Disk) -> None:
    made = disk.fill(10)
    disk.lock(made[2] + 1, made[4], expires=disk.clock.now + 60 * MINUTE_US)
    disk.cleaner.limits = Limits(1)
    disk.clock.now = UtcUs(disk.clock.now + 30 * MINUTE_US)
    assert disk.cleaner.clean_once() == 8
    assert disk.starts() == made[2:4]
    disk.clock.now = UtcUs(disk.clock.now + 30 * MINUTE_US)
    assert disk.cleaner.clean_once() == 2
    assert disk.starts() == []


def test_a_lock_is_found_in_the_storage_when_the_recorders_data_is_lost_and_holds_all_when_it_is_damaged(
    disk: Disk,
) -> None:
    made = disk.fill(6)
    lock = disk.lock(made[0], made[1])
    write_lock(disk.root, lock)
    lock_path(disk.root / "data", lock.id).unlink()
    disk.cleaner.limits = Limits(1)
    disk.clock.now = UtcUs(disk.clock.now + 30 * MINUTE_US)
    disk.cleaner.clean_once()
    assert disk.starts() == made[:1]
    made += disk.fill(3)
    lock_path(disk.root, lock.id).write_bytes(b"{")
    disk.clock.now = UtcUs(disk.clock.now + 30 * MINUTE_US)
    assert disk.cleaner.clean_once() == 0
    write_lock(disk.root, lock.model_copy(update={"version": 2, "removed_us": disk.clock.now}))
    assert disk.cleaner.clean_once() == 4


def test_the_size_cap_takes_the_oldest_unlocked(disk: Disk) -> None:
    made = disk.fill(10)
    disk.lock(made[0], made[1])
    disk.cleaner.limits = Limits(10**9, 7 * SEGMENT_BYTES)
    assert disk.cleaner.clean_once() == 3
    assert disk.starts() == [made[0], *made[4:]]


def test_with_an_archive_behind_nothing_is_deleted_until_the_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(tmp_path, monkeypatch, min_free_bytes=5000, short_free_bytes=2000, keep_newest_short_minutes=0)
    made = disk.fill(10)
    disk.size_bytes = 10 * SEGMENT_BYTES + 3000
    disk.cleaner.limits = Limits(10**9, archived=True)
    assert disk.cleaner.clean_once() == 0
    disk.size_bytes -= 2000
    assert disk.cleaner.clean_once() == 1
    assert disk.starts() == made[1:]
    disk.cleaner.limits = Limits(10**9)
    assert disk.cleaner.clean_once() == 3
    disk.lock(made[0], disk.clock.now)
    disk.size_bytes = 0
    assert disk.cleaner.clean_once() == disk.cleaner.clean_once() == 0
    assert [type(event) for event in disk.events].count(SpaceBlocked) == 1
    disk.index.close()


def test_most_of_a_storage_is_deleted_only_after_a_day_or_when_confirmed(disk: Disk) -> None:
    made = disk.fill(40)
    disk.clock.now = UtcUs(disk.clock.now + 365 * 24 * 60 * MINUTE_US)  # somebody set the clock
    disk.cleaner.limits = Limits(60)
    for _ in range(2):
        assert disk.cleaner.clean_once() == 0
    assert [event for event in disk.events if isinstance(event, DeletionHeld)] == [DeletionHeld(str(disk.root), 40, 40)]
    disk.clock.now = UtcUs(T0 + 40 * MINUTE_US)  # and back
    assert disk.cleaner.clean_once() == 0
    assert SafetyStop(disk.root).held() is None
    disk.cleaner.limits = Limits(5)  # an administrator means it
    assert disk.cleaner.clean_once() == 0
    assert SafetyStop(disk.root).confirm()
    assert disk.new_cleaner().clean_once() == 0  # the new one has the settings of old
    assert SafetyStop(disk.root).held() is None
    assert disk.cleaner.clean_once() == 0
    disk.clock.now = UtcUs(disk.clock.now + HELD_US)
    assert disk.cleaner.clean_once() == 40
    assert made[0] not in disk.starts()


def test_a_deletion_that_was_interrupted_goes_on_but_not_into_a_new_lock(disk: Disk) -> None:
    made = disk.fill(3)
    disk.index.mark_deleting([row.id for row in disk.index.rows("start_us<?", (made[2],))])
    disk.lock(made[1], made[1] + 1)
    assert disk.cleaner.clean_once() == 1
    assert disk.starts() == made[1:]
    assert [row.state for row in disk.index.rows("1=1 ORDER BY start_us", ())] == [1, 1]


def test_the_reserve_is_never_written_to(tmp_path: Path) -> None:
    free, now = 1000, [0.0]
    room = Room(tmp_path, 250, 500, lambda root: free, lambda: now[0])
    for _ in range(10):
        room.take(70)
        free -= 70
    with pytest.raises(DiskReserved):
        room.take(70)
    assert free == 300
    assert room.tight
    free = 2000
    room.take(70)


class Deleting(RuleBasedStateMachine):
    """A locked GOP is never deleted; of what is not locked, the oldest goes first."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()

        self.folder = tempfile.TemporaryDirectory()
        options = {"min_free_bytes": 5000, "short_free_bytes": 2000, "keep_newest_short_minutes": 0}
        self.disk = Disk(Path(self.folder.name), self.patch, **options)
        self.locks: list[EvidenceLock] = []
        self.known: dict[tuple[DeviceId, int], bool] = {}

    def teardown(self) -> None:
        self.disk.index.close()
        self.patch.undo()
        self.folder.cleanup()

    def held(self, device: DeviceId, start: int) -> bool:
        return any(
            lock.holds(self.disk.clock.now)
            and device in lock.devices
            and lock.start_us < start + MINUTE_US
            and start < lock.end_us
            for lock in self.locks
        )

    @rule(device=st.sampled_from(DEVICES), count=st.integers(1, 6))
    def record(self, device: DeviceId, count: int) -> None:
        for _ in range(count):
            self.known[(device, self.disk.record(device))] = True
            self.disk.clock.now = UtcUs(self.disk.clock.now + MINUTE_US)

    @rule(device=st.sampled_from(DEVICES), ago=st.integers(0, 40), length=st.integers(1, 200), life=st.integers(0, 60))
    def lock(self, device: DeviceId, ago: int, length: int, life: int) -> None:
        start = self.disk.clock.now - ago * MINUTE_US
        expires = self.disk.clock.now + life * MINUTE_US if life else None
        self.locks.append(self.disk.lock(start, start + length * US_PER_S, device, expires))

    @rule(data=st.data())
    def unlock(self, data: st.DataObject) -> None:
        if self.locks:
            lock = self.locks.pop(data.draw(st.integers(0, len(self.locks) - 1)))
            removed = lock.model_copy(update={"version": lock.version + 1, "removed_us": self.disk.clock.now})
            write_lock(self.disk.root / "data", removed)

    @rule(retain=st.integers(1, 60), cap=st.integers(0, 20), free=st.integers(0, 9000), archived=st.booleans())
    def clean(self, retain: int, cap: int, free: int, archived: bool) -> None:
        disk = self.disk
        disk.cleaner.limits = Limits(retain, cap * SEGMENT_BYTES, archived)
        disk.size_bytes = disk.used_bytes + free
        before = {place for place, there in self.known.items() if there}
        locked = {place for place in before if self.held(*place)}
        disk.cleaner.clean_once()
        after = {(found.key.device, found.start) for found in segments_on_disk(disk.root)}
        assert locked <= after <= before
        gone = before - after
        stayed = after - locked
        if gone and stayed:
            assert max(start for _, start in gone) <= min(start for _, start in stayed)
        for place in gone:
            self.known[place] = False

    @rule(count=st.integers(1, 3))
    def killed_in_the_middle(self, count: int) -> None:
        """Rows are marked, and some of their files are gone, when the process dies."""
        rows = [
            row for row in self.disk.index.rows("state=1 ORDER BY end_us", ()) if not self.held(row.key[0], row.start)
        ]
        self.disk.index.mark_deleting([row.id for row in rows[:count]])
        for row in rows[: count - 1]:
            segment_path(self.disk.root, row.key, row.start).unlink()
        for row in rows[:count]:
            del self.known[(row.key.device, row.start)]
        self.disk.size_bytes = 1 << 40
        self.disk.cleaner = self.disk.new_cleaner()
        self.disk.cleaner.clean_once()

    @invariant()
    def the_index_knows_what_is_there(self) -> None:
        known = {(row.key.device, row.start) for row in self.disk.index.rows("state=1", ())}
        assert known == {(found.key.device, found.start) for found in segments_on_disk(self.disk.root)}


Deleting.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
TestDeleting = Deleting.TestCase
