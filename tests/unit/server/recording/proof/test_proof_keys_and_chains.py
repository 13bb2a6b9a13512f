"""Keys, segments without seals, chains over restarts, and what retention, archiving and evidence locks leave behind."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.errors import SettingsError, StorageError
from common.foundation.ids import new_id
from common.media.access_unit import AccessUnit
from server.recording.mediadb.locks import EvidenceLock, write_lock
from server.recording.mediadb.seals import chain_start
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from server.recording.proof.signing import (
    fingerprint,
    fingerprint_named,
    new_signing_key,
    public_bytes,
    public_keys,
    signing_key,
)
from tests.support.sealed_recordings import CAMERAS, CONFIG, SETTINGS, START_US, record, recorded, signer_of, write

KEY = CAMERAS[:1]


def verified(root: Path, trust: Trust | None = None, **more: Any) -> dict[str, Any]:
    return verify_recordings([root], Wanted(trust=trust or Trust(), **more))


def kinds(report: dict[str, Any]) -> list[str]:
    return [finding["kind"] for finding in report["findings"]]


def test_old_segments_without_seals_are_not_damaged(tmp_path: Path) -> None:
    record(tmp_path, range(60), keys=KEY, seals=False)
    record(tmp_path, range(60, 120), keys=KEY)
    report = verified(tmp_path)
    assert report["ok"]
    assert report["not_sealed_fragments"] == 20
    assert report["sealed_fragments"] == 20
    assert [note for note in report["notes"] if "a new chain starts here" in note]


def test_seals_that_were_taken_off_are_missed_by_the_next_segment(tmp_path: Path) -> None:
    record(tmp_path, keys=KEY)
    record(tmp_path / "bare", keys=KEY, seals=False)
    first, bare = recorded(tmp_path, CAMERAS[0])[1], recorded(tmp_path / "bare", CAMERAS[0])[1]
    shutil.rmtree(tmp_path / "bare")
    first.path.write_bytes(bare.data)
    report = verified(tmp_path)
    assert kinds(report) == ["not_sealed"]
    assert report["findings"][0]["path"] == str(first.path)


def test_whoever_seals_a_changed_segment_anew_is_found_out_by_the_next(tmp_path: Path) -> None:
    """Without the key, chains can be made again, but what follows was recorded after something else."""
    record(tmp_path, keys=KEY)
    first = recorded(tmp_path, CAMERAS[0])[0]
    forged = tmp_path / "forged"
    asyncio.run(record_more(forged, range(3), b"something else"))
    (again,) = recorded(forged, CAMERAS[0])
    assert again.path.name == first.path.name
    first.path.write_bytes(again.data)
    shutil.rmtree(forged)
    report = verified(tmp_path)
    assert kinds(report) == ["replaced"]
    assert report["findings"][0]["path"] == str(first.path)


async def record_more(root: Path, frames: range, data: bytes) -> None:
    """Record pictures with these bytes."""
    async with MediaDatabaseWriter(root, SystemClock(), SETTINGS, lambda event: None) as database:
        track = database.track(CAMERAS[0])
        track.configure(CONFIG)
        for number in frames:
            track.write(picture(number, data))
        await track.close()


def picture(number: int, data: bytes = bytes(80)) -> AccessUnit:
    return AccessUnit(data, number * 9000, number * 9000, UtcUs(START_US + number * 100_000), True)


def test_signatures_of_another_key_do_not_count(tmp_path: Path) -> None:
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    record(tmp_path, range(60), signer_of(ours), KEY)
    mine, other = (frozenset({fingerprint(public_bytes(key))}) for key in (ours, theirs))
    report = verified(tmp_path)
    assert report["ok"]
    assert report["signed_fragments"] == report["fragments"] == 20
    assert report["keys"] == [{"fingerprint": fingerprint(public_bytes(ours)), "fragments": 20, "known": None}]
    assert verified(tmp_path, Trust(mine))["keys"][0]["known"] is True
    report = verified(tmp_path, Trust(other))
    assert set(kinds(report)) == {"wrong_key"}
    assert report["signed_fragments"] == report["sealed_fragments"] == 0
    assert fingerprint(public_bytes(ours)) in report["findings"][0]["why"]


def test_everything_must_be_signed_when_a_key_is_named(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    record(tmp_path, range(30), None, KEY)
    record(tmp_path, range(30, 60), signer_of(key), KEY)
    trust = Trust(frozenset({fingerprint(public_bytes(key))}), must_be_signed=True)
    assert verified(tmp_path, replace(trust, must_be_signed=False))["ok"]
    report = verified(tmp_path, trust)
    assert set(kinds(report)) == {"wrong_key"}
    assert all("not signed" in finding["why"] for finding in report["findings"])
    assert verified(tmp_path, trust, start_us=START_US + 3_000_000)["ok"]


def test_unsigned_fragments_in_a_signed_file_are_named(tmp_path: Path) -> None:
    record(tmp_path, keys=KEY, signer=signer_of(Ed25519PrivateKey.generate()))
    segment = recorded(tmp_path, CAMERAS[0])[1]
    part = segment.of(2)
    at = part.index(bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f004"))
    unsigned = bytearray(part)
    unsigned[at + 17] = 0
    segment.path.write_bytes(segment.rebuilt([*segment.parts[:1], bytes(unsigned), *segment.parts[2:]]))
    report = verified(tmp_path)
    assert [finding["fragments"] for finding in report["findings"]] == [[2, 2]]


def test_chains_go_on_over_restarts(tmp_path: Path) -> None:
    for start in range(0, 90, 30):
        record(tmp_path, range(start, start + 30), keys=KEY)
    report = verified(tmp_path)
    assert (report["ok"], report["notes"]) == (True, [])
    before = None
    for segment in recorded(tmp_path, CAMERAS[0]):
        start = chain_start(segment.data[: segment.head_bytes])
        assert start is not None
        previous = None if start.previous is None else (start.previous.start_us, start.previous.fragments)
        assert previous == before
        before = (int(segment.path.stem), len(segment.fragments))


def test_chains_go_on_after_a_segment_that_was_not_finished(tmp_path: Path) -> None:
    record(tmp_path, range(60), keys=KEY)
    last = recorded(tmp_path, CAMERAS[0])[-1]
    torn = last.fragments[3].offset + 100
    last.path.write_bytes(last.data[:torn])
    (tmp_path / "index.sqlite3").unlink()
    report = verified(tmp_path)
    assert report["ok"]
    assert len([note for note in report["notes"] if "did not finish" in note]) == 1
    record(tmp_path, range(60, 90), keys=KEY)
    report = verified(tmp_path)
    assert (kinds(report), [note for note in report["notes"] if "new chain" in note]) == ([], [])


@pytest.mark.parametrize("locked", [False, True])
def test_what_retention_deletes_is_not_missed(tmp_path: Path, locked: bool) -> None:
    record(tmp_path, range(150), keys=KEY)
    segments = recorded(tmp_path, CAMERAS[0])
    (tmp_path / "index.sqlite3").unlink()  # retention takes the row as well
    gone = segments[1:3] if locked else segments[:2]
    for segment in gone:
        segment.path.unlink()
    if locked:
        assert kinds(verified(tmp_path)) == ["missing"]
        start, end = segments[0].fragments[0].utc_us, segments[0].fragments[-1].utc_us + 1
        lock = EvidenceLock(
            id=new_id(),
            version=1,
            devices=(CAMERAS[0].device,),
            start_us=start,
            end_us=end,
            owner="anna",
            created_us=start,
        )
        write_lock(tmp_path, lock)
    report = verified(tmp_path)
    assert report["ok"], report["findings"]
    assert len(report["notes"]) == 1


def test_stages_are_verified_together(tmp_path: Path) -> None:
    record(tmp_path / "live", range(150), keys=KEY)
    segments = recorded(tmp_path / "live", CAMERAS[0])
    (tmp_path / "live" / "index.sqlite3").unlink()
    for segment in (segments[0], segments[2]):
        there = tmp_path / "archive" / segment.path.relative_to(tmp_path / "live")
        there.parent.mkdir(parents=True, exist_ok=True)
        segment.path.rename(there)
    both = verify_recordings([tmp_path / "live", tmp_path / "archive"], Wanted())
    assert (both["ok"], both["notes"]) == (True, [])
    assert kinds(verified(tmp_path / "live")) == ["missing"]


def test_recordings_are_verified_while_they_are_made(tmp_path: Path) -> None:
    async def meanwhile() -> dict[str, Any]:
        async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, lambda event: None) as database:
            track = database.track(CAMERAS[0])
            track.configure(CONFIG)
            for number in range(50):
                track.write(picture(number))
            while (await asyncio.to_thread(verified, tmp_path))["fragments"] != 16:
                await asyncio.sleep(0.01)
            return await asyncio.to_thread(verified, tmp_path)

    report = asyncio.run(meanwhile())
    assert (report["ok"], report["in_use"], report["notes"]) == (True, 1, [])
    assert report["sealed_fragments"] == 16


@pytest.mark.parametrize("size", [0, 6, 300])
def test_a_file_whose_writer_died_at_once_is_no_damage(tmp_path: Path, size: int) -> None:
    record(tmp_path, keys=KEY)
    last = recorded(tmp_path, CAMERAS[0])[-1]
    begun = last.path.with_name(f"{int(last.path.stem) + 1}.mp4")
    begun.write_bytes(last.data[:size])
    report = verified(tmp_path)
    assert report["ok"], report["findings"]
    assert [note for note in report["notes"] if "stopped at once" in note]
    begun.write_bytes(b"something else")
    assert kinds(verified(tmp_path)) == ["unreadable"]


def test_signing_begins_and_ends_with_the_next_keyframe(tmp_path: Path) -> None:
    key = signer_of(Ed25519PrivateKey.generate())

    async def switched() -> None:
        settings = replace(SETTINGS, segment_s=3600)
        async with MediaDatabaseWriter(tmp_path, SystemClock(), settings, lambda event: None) as database:
            track = database.track(CAMERAS[0])
            track.configure(CONFIG)
            for number in range(90):
                if number in (30, 60):
                    while database.queued_bytes:
                        await asyncio.sleep(0.01)
                    database.set_signer(key if number == 30 else None)
                track.write(picture(number))
            await track.close()

    asyncio.run(switched())
    report = verified(tmp_path)
    assert (report["ok"], report["notes"]) == (True, [])
    assert [len(segment.fragments) for segment in recorded(tmp_path, CAMERAS[0])] == [9, 10, 11]
    assert report["signed_fragments"] == 10


def test_a_recorder_keeps_its_key_and_remembers_old_ones(tmp_path: Path) -> None:
    first = public_bytes(signing_key(tmp_path))
    assert public_bytes(signing_key(tmp_path)) == first
    second = public_bytes(new_signing_key(tmp_path))
    assert second != first
    assert public_bytes(signing_key(tmp_path)) == second
    assert set(public_keys(tmp_path)) == {first, second}
    pem = next((tmp_path / "recording" / "identity" / "signing-keys").glob(f"{fingerprint(first)}.pem"))
    for named in (fingerprint(first), fingerprint(first).replace("-", "").upper(), first.hex(), str(pem)):
        assert fingerprint_named(named) == fingerprint(first)
    for wrong in ("", "nonsense", "12ab"):
        with pytest.raises(SettingsError):
            fingerprint_named(wrong)
    pem.write_text("garbage")
    with pytest.raises(StorageError):
        public_keys(tmp_path)


def test_writers_of_several_processes_agree_on_a_new_key(tmp_path: Path) -> None:
    async def ask() -> set[bytes]:
        made = await asyncio.gather(*(asyncio.to_thread(signing_key, tmp_path) for _ in range(4)))
        return {public_bytes(key) for key in made}

    assert len(asyncio.run(ask())) == 1
    assert asyncio.run(write(tmp_path, [], range(0), None)) is None
