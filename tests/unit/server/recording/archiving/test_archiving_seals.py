"""Seals on their way through archives: whole segments keep them, thinned ones get new ones, damage never does."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from common.foundation.clock import SystemClock, UtcUs
from server.recording.archiving.building import Workshop
from server.recording.archiving.events import ArchivingEvent, SegmentDamaged
from server.recording.archiving.job_store import JobRecord, JobStore
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.mediadb.seals import chain_start
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from server.recording.proof.signing import fingerprint, new_signing_key, public_keys, signer
from tests.support.archive_rig import KEY, record_units, storage
from tests.support.media_samples import video_sample
from tests.support.sealed_recordings import Recorded, recorded


class Site:
    """A storage that signs, with one archive behind it that keeps keyframes only."""

    def __init__(self, folder: Path, groom: str = "keyframes") -> None:
        self.data, self.root, self.archive = folder / "data", folder / "media", folder / "archive"
        self.storage = storage(self.archive, groom=groom)
        self.events: list[ArchivingEvent] = []
        config, units = video_sample(frames=100)
        record_units(self.root, config, units, signer=signer(self.data))

    def do(self, kind: str) -> None:
        """Run the job of this kind on the whole storage."""
        clock = SystemClock()
        plan = ArchivingPlan(storages=(PlannedStorage(storage=self.storage, root=self.root),), scrub_days=1e-9)
        self.data.mkdir(exist_ok=True)
        with closing(JobStore(self.data / "jobs.sqlite3")) as store:
            shop = Workshop(plan, self.data, store, clock, locked=lambda device, span: False, report=self.events.append)
            with closing(shop):
                for spec in shop.jobs():
                    if spec.kind == kind:
                        run = JobRun(JobRecord(spec.id, kind, "s", "stage"), lambda record: None, clock)
                        for _ in range(3):  # a scrubber does a portion at a time
                            spec.work(run)

    def verified(self) -> dict[str, Any]:
        trust = Trust(frozenset(map(fingerprint, public_keys(self.data))), must_be_signed=True)
        return verify_recordings([self.root, self.archive], Wanted(trust=trust))

    def flip(self, segment: Recorded) -> None:
        data = bytearray(segment.data)
        data[segment.fragments[0].end_offset - 3] ^= 1
        segment.path.write_bytes(data)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    return Site(tmp_path)


def test_thinned_segments_are_sealed_anew_and_say_of_what(site: Site) -> None:
    before = recorded(site.root, KEY)
    new_signing_key(site.data)  # what was signed with the old key is signed with the new one
    site.do("archive")
    assert recorded(site.root, KEY) == []
    after = recorded(site.archive, KEY)
    assert [one.path.name for one in after] == [one.path.name for one in before]
    report = site.verified()
    assert (report["ok"], report["notes"]) == (True, [])
    assert report["signed_fragments"] == report["fragments"] > 0
    for old, new in zip(before, after, strict=True):
        assert len(new.data) < len(old.data)
        was, start = chain_start(old.data[: old.head_bytes]), chain_start(new.data[: new.head_bytes])
        assert was is not None
        assert start is not None
        assert start.groomed_from is not None
        assert (start.groomed_from.fragments, start.previous) == (len(old.fragments), was.previous)
        assert start.public_key != was.public_key


def test_damaged_segments_are_moved_as_they_are(site: Site) -> None:
    second = recorded(site.root, KEY)[1]
    site.flip(second)
    site.do("archive")
    (moved,) = [one for one in recorded(site.archive, KEY) if one.path.name == second.path.name]
    assert len(moved.data) == len(second.data)
    report = site.verified()
    assert [(finding["kind"], finding["path"]) for finding in report["findings"]] == [("changed", str(moved.path))]


def test_scrubbing_finds_a_flipped_bit_in_a_picture(site: Site) -> None:
    second = recorded(site.root, KEY)[1]
    site.do("scrub")
    assert not [event for event in site.events if isinstance(event, SegmentDamaged)]
    site.flip(second)
    site.do("scrub")
    (found,) = [event for event in site.events if isinstance(event, SegmentDamaged)]
    assert found.path.endswith(second.path.name)
    assert UtcUs(int(second.path.stem)) == found.start
