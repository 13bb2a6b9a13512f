"""Evidence locks against archives: what is locked is neither thinned out nor deleted, also when it is locked late."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from common.api.evidence import LockRequest
from common.foundation.clock import SystemClock, UtcUs
from server.recording.archiving.building import Workshop
from server.recording.archiving.events import ArchivingEvent
from server.recording.archiving.job_store import JobRecord, JobStore
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.moving import Mover
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.mediadb.contract import Span
from server.recording.mediadb.locks import LockBook
from server.recording.storages.evidence import EvidenceLocks
from tests.support.archive_rig import KEY, hashes, recorded, storage
from tests.support.media_samples import START_UTC

SECOND_US = 1_000_000


@dataclass
class Site:
    """Recordings of four seconds, a segment a second, and an archive behind them that keeps keyframes only."""

    folder: Path
    events: list[ArchivingEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data, self.root, self.archive = self.folder / "data", self.folder / "media", self.folder / "archive"
        self.data.mkdir()
        recorded(self.root)
        self.locks = EvidenceLocks(self.data, SystemClock())
        self.locks.follow([self.root])
        self.book = LockBook((self.data, self.root), SystemClock().now_us)

    def lock(self, start_s: float, end_s: float) -> None:
        start, end = (int(START_UTC + each * SECOND_US) for each in (start_s, end_s))
        self.locks.create(LockRequest(devices=(KEY.device,), start_us=start, end_us=end), "anna")

    def do(self, kind: str, keep_minutes: int = 10**9) -> None:
        clock, stored = SystemClock(), storage(self.archive, groom="keyframes", retain_minutes=1)
        (archive,) = stored.archives
        stored = stored.model_copy(update={"archives": (archive.model_copy(update={"retain_minutes": keep_minutes}),)})
        plan = ArchivingPlan(storages=(PlannedStorage(storage=stored, root=self.root),))
        with closing(JobStore(self.data / "jobs.sqlite3")) as store:
            shop = Workshop(
                plan,
                self.data,
                store,
                clock,
                locked=self.book.locked,
                gate=self.book.deleting,
                report=self.events.append,
            )
            with closing(shop):
                for spec in shop.jobs():
                    if spec.kind == kind:
                        spec.work(JobRun(JobRecord(spec.id, kind, "s", "stage"), lambda record: None, clock))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def whole(site: Site, before: dict[str, str]) -> list[bool]:
    """Of each segment, whether the archive has it as it was recorded."""
    assert hashes(site.root) == {}
    after = hashes(site.archive)
    assert after.keys() == before.keys()
    return [after[name] == before[name] for name in sorted(before)]


def test_locked_segments_are_archived_whole(site: Site) -> None:
    before = hashes(site.root)
    site.lock(1.2, 1.3)
    site.do("archive")
    assert whole(site, before) == [False, True, False, False]


def test_a_lock_that_comes_while_its_segment_is_thinned_out_still_keeps_it_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, copied = hashes(site.root), Mover._copied

    def locked_at_the_last_moment(mover: Mover, name: str, row: object) -> object:
        found = copied(mover, name, row)
        if found[2] and row.start >= START_UTC + 2 * SECOND_US and not site.locks.known():
            site.lock(2.2, 2.3)
        return found

    monkeypatch.setattr(Mover, "_copied", locked_at_the_last_moment)
    site.do("archive")
    assert whole(site, before) == [False, False, True, False]


def test_locked_segments_outlive_the_retention_of_their_archive(site: Site) -> None:
    site.lock(1.2, 1.3)
    site.do("archive")
    kept = sorted(hashes(site.archive))[1]
    site.do("retention", keep_minutes=1)
    assert list(hashes(site.archive)) == [kept]
    (lock,) = site.locks.known()
    site.locks.remove(lock.id)
    site.do("retention", keep_minutes=1)
    assert hashes(site.archive) == {}


def test_a_lock_waits_until_what_is_being_decided_is_done(site: Site) -> None:
    entered, leave, made = threading.Event(), threading.Event(), threading.Event()

    @contextmanager
    def deciding() -> Iterator[None]:
        with site.book.deleting() as protected:
            entered.set()
            assert leave.wait(20)
            assert not protected.meets(KEY.device, Span(UtcUs(0), UtcUs(1 << 60)))
            assert not made.is_set()
            yield

    def decide() -> None:
        with deciding():
            pass

    def lock() -> None:
        site.lock(0, 1)
        made.set()

    threads = [threading.Thread(target=decide), threading.Thread(target=lock)]
    threads[0].start()
    assert entered.wait(20)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(20)
    assert made.is_set()
