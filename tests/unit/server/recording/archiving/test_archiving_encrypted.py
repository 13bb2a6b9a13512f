"""Encrypted recordings on their way into an archive that thins them out: as secret as before, sealed, and playable."""

from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from common.foundation.clock import SystemClock
from common.media.access_unit import AccessUnit
from common.media.mp4.reader import read_init
from server.recording.archiving.building import Workshop
from server.recording.archiving.job_store import JobRecord, JobStore
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.keys.chest import KeyChest
from server.recording.mediadb.files import LocalFile
from server.recording.mediadb.protecting import Protector
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from server.recording.proof.signing import fingerprint, public_keys, signer
from tests.support.archive_rig import playable, record_units, storage
from tests.support.media_samples import video_sample


class Vault:
    """A storage that signs and encrypts, with an archive behind it."""

    def __init__(self, folder: Path, extent: Literal["Light", "Strong"]) -> None:
        self.data, self.root, self.archive = folder / "data", folder / "media", folder / "archive"
        self.chest = KeyChest(self.data)
        self.chest.follow("s", "correct horse 9", 0, [self.root])
        key = self.chest.newest("s")
        config, units = video_sample(frames=100)
        self.units: list[AccessUnit] = list(units)
        protector = Protector(key.id, extent, key.secret)
        record_units(self.root, config, units, signer=signer(self.data), protector=protector)

    def archive_it(self, data: Path, **groom: object) -> None:
        plan = ArchivingPlan(storages=(PlannedStorage(storage=storage(self.archive, **groom), root=self.root),))
        data.mkdir(exist_ok=True)
        clock = SystemClock()
        with closing(JobStore(data / "jobs.sqlite3")) as store:
            shop = Workshop(plan, data, store, clock, locked=lambda device, span: False, report=lambda event: None)
            with closing(shop):
                (spec,) = [spec for spec in shop.jobs() if spec.kind == "archive"]
                spec.work(JobRun(JobRecord(spec.id, "archive", "s", "stage"), lambda record: None, clock))

    def played(self) -> list[bytes]:
        with closing(MediaDatabaseReader(self.archive, keys=KeyChest(self.data))) as reader:
            return playable([reader])

    def key_ids(self, root: Path) -> list[bytes]:
        found = []
        for path in sorted(root.rglob("*.mp4")):
            with LocalFile(path) as file:
                protection = read_init(file.read).protection
            assert protection is not None
            found.append(protection.key_id)
        return found


@pytest.mark.parametrize("extent", ["Light", "Strong"])
@pytest.mark.parametrize("mode", ["keyframes", "fps"])
def test_thinned_out_and_encrypted_with_keys_of_their_own(
    tmp_path: Path, extent: Literal["Light", "Strong"], mode: str
) -> None:
    vault = Vault(tmp_path, extent)
    before = vault.key_ids(vault.root)
    vault.archive_it(vault.data, groom=mode, groom_fps=100.0 if mode == "fps" else 1.0)
    after = vault.key_ids(vault.archive)
    assert len(set(after) | set(before)) == len(after) + len(before)
    expected = [unit.data for unit in vault.units if unit.keyframe or mode == "fps"]
    assert vault.played() == expected
    stored = b"".join(path.read_bytes() for path in vault.archive.rglob("*.mp4"))
    assert not any(data[-40:] in stored for data in expected if len(data) > 100)
    trust = Trust(frozenset(map(fingerprint, public_keys(vault.data))), must_be_signed=True)
    report = verify_recordings([vault.archive], Wanted(trust=trust))
    assert (report["ok"], report["signed_fragments"]) == (True, report["fragments"])


def test_without_their_keys_they_move_as_they_are(tmp_path: Path) -> None:
    vault = Vault(tmp_path, "Strong")
    before = vault.key_ids(vault.root)
    vault.archive_it(tmp_path / "other data", groom="keyframes")
    assert vault.key_ids(vault.archive) == before
    assert vault.played() == [unit.data for unit in vault.units]
