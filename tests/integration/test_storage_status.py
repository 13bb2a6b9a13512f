"""What recorders find out about their storages, and the deletion that an administrator must confirm."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.api.evidence import LockRequest
from common.api.recorder_configuration import RecordedArchive, RecordedStorage
from common.api.storage_status import StageStatus
from common.clients.media_asking import QUESTION, RecorderRefused, ask_recorder
from common.foundation.clock import SystemClock, UtcUs
from common.media.access_unit import PRIMARY
from common.protocols.media_channel.messages import DeletionConfirm, Done
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.holding import LEAST_SEGMENTS, SafetyStop
from server.recording.mediadb.layout import MARKER, prepare_root, segments_on_disk
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.storages import remember_storage
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.storages.evidence import EvidenceLocks
from server.recording.storages.watching import Following, StorageWatch
from server.runtime.media_cli import app
from tests.support.media_samples import video_sample
from tests.support.recorder_rig import CAMERA, recorder_rig

CLOCK = SystemClock()


@asynccontextmanager
async def watched(tmp_path: Path, *storages: RecordedStorage) -> AsyncIterator[StorageWatch]:
    watch = StorageWatch(tmp_path / "data", tmp_path / "media", CLOCK)
    watch.follow(Following(storages))
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def found(watch: StorageWatch) -> dict[str, StageStatus]:
    async with asyncio.timeout(20):
        while not watch.current():
            await asyncio.sleep(0.01)
    return {each.id: each for each in watch.current()}


def storage(**changes: object) -> RecordedStorage:
    return RecordedStorage.model_validate({"id": "main", "name": "Main"} | changes)


async def test_used_and_locked_bytes_and_the_oldest_recording(tmp_path: Path) -> None:
    root, data = tmp_path / "media", tmp_path / "data"
    settings = replace(WriterSettings(), min_free_bytes=0, retain_minutes=10**9, preallocate_bytes=0)
    config, units = video_sample(frames=100, gop=25)
    async with MediaDatabaseWriter(root, CLOCK, settings, lambda _: None) as database:
        track = database.track(TrackKey(CAMERA, PRIMARY))
        track.configure(config)
        for unit in units:
            track.write(unit)
        await track.close()
    locks = EvidenceLocks(data, CLOCK)
    locks.create(LockRequest(devices=(CAMERA,), start_us=units[30].utc_us, end_us=units[31].utc_us), "anna")
    archive = RecordedArchive(id="old", name="Old", url=str(tmp_path / "old"), retain_minutes=10**6)
    prepare_root(tmp_path / "old", None)
    async with watched(tmp_path, storage(archives=(archive,))) as watch:
        status = await found(watch)
    main = status["main"]
    (file,) = segments_on_disk(root)
    assert main.available
    assert main.mounted
    assert (main.segments, main.oldest_us, main.problem) == (1, units[0].utc_us, "")
    assert 0 < main.locked_bytes < main.used_bytes <= file.path.stat().st_size + 1
    assert main.free_bytes is not None
    assert status["old"].archive
    assert (status["old"].available, status["old"].used_bytes) == (True, 0)


async def test_a_place_that_is_gone_or_another_is_told(tmp_path: Path) -> None:
    gone, other = tmp_path / "gone", tmp_path / "other"
    for root in (gone, other):
        remember_storage(tmp_path / "data", root, prepare_root(root, None))
    shutil.rmtree(gone)
    (other / MARKER).unlink()  # an empty folder where the disk was mounted
    storages = storage(id="gone", path=str(gone)), storage(id="other", path=str(other))
    async with watched(tmp_path, *storages) as watch:
        status = await found(watch)
    for each in status.values():
        assert not each.available
        assert not each.mounted
        assert each.problem


async def test_only_an_administrator_confirms_a_held_deletion(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as sockets:
        async with recorder_rig(Path(sockets)) as rig:
            root = rig.watch_root
            rig.watch.follow(Following((storage(),)))
            prepare_root(root, None)
            stop, now = SafetyStop(root), UtcUs(CLOCK.now_us())
            ask = partial(ask_recorder, rig.uri, None)
            with pytest.raises(RecorderRefused) as refused:
                await ask("administrators", DeletionConfirm(QUESTION, "main"))
            assert refused.value.code == "not_found"  # nothing waits
            assert stop.allows(LEAST_SEGMENTS, LEAST_SEGMENTS, now)[0] is False
            with pytest.raises(RecorderRefused) as refused:
                await ask("operators", DeletionConfirm(QUESTION, "main"))
            assert refused.value.code == "not_permitted"
            with pytest.raises(RecorderRefused) as refused:
                await ask("administrators", DeletionConfirm(QUESTION, "another"))
            assert refused.value.code == "not_found"
            assert stop.allows(LEAST_SEGMENTS, LEAST_SEGMENTS, now)[0] is False
            assert await ask("administrators", DeletionConfirm(QUESTION, "main")) == Done(QUESTION)
            assert stop.allows(LEAST_SEGMENTS, LEAST_SEGMENTS, now)[0] is True


async def test_a_held_deletion_is_in_the_status_and_confirmed_by_a_command(tmp_path: Path) -> None:
    root = tmp_path / "media"
    prepare_root(root, None)
    SafetyStop(root).allows(30, 40, UtcUs(5))
    async with watched(tmp_path, storage()) as watch:
        held = (await found(watch))["main"].held
    assert held is not None
    assert (held.segments, held.of, held.since_us, held.confirmed) == (30, 40, 5, False)
    answer = CliRunner().invoke(app, ["confirm-delete", str(root), "--json"])
    assert answer.exit_code == 0
    assert '"segments": 30' in answer.stdout
    now_held = SafetyStop(root).held()
    assert now_held is not None
    assert now_held.confirmed
    os.unlink(root / ".deletion-held.json")
    assert '"confirmed": false' in CliRunner().invoke(app, ["confirm-delete", str(root), "--json"]).stdout
