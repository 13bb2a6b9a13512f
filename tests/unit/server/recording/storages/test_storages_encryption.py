"""Storages that are told to encrypt: what is recorded, read, exported, lost and found again, with and without keys."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.errors import StorageError
from common.media.access_unit import AccessUnit
from common.media.mp4.protection import Mp4Locked
from common.media.mp4.reader import read_init
from server.recording.exporting.sources import opened_recordings
from server.recording.keys.chest import OWN_KEY, RING, KeyChest
from server.recording.keys.ring import KeysDamaged, WrongPassword, read_ring
from server.recording.mediadb.contract import MediaReader, Span
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.tools import check, rebuild
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from server.recording.storages import writers
from server.recording.storages.events import AnyStorageEvent, KeysUnusable, KeysUsable
from server.recording.storages.writers import StorageWriters
from tests.support.archive_rig import KEY, SETTINGS
from tests.support.media_samples import video_sample

CONFIG, UNITS = video_sample(frames=75)
PASSWORD = "correct horse 9"
ALL = Span(UtcUs(0), UtcUs(2**62))


def storage(tmp_path: Path, encryption: str = "Strong") -> RecordedStorage:
    return RecordedStorage.model_validate(
        {
            "id": "s",
            "name": "S",
            "path": str(tmp_path / "media"),
            "retain_minutes": 10**9,
            "encryption": encryption,
            "signing": True,
        }
    )


def made_keys(tmp_path: Path, password: str = PASSWORD) -> KeyChest:
    chest = KeyChest(tmp_path / "data")
    chest.follow("s", password, 0, [tmp_path / "media"])
    return chest


def record(
    tmp_path: Path,
    units: list[AccessUnit],
    encryptions: dict[int, str],
    events: Callable[[AnyStorageEvent], None] = lambda event: None,
) -> None:
    """Record units; from those numbers on, the storage encrypts so."""

    async def run() -> None:
        async with StorageWriters(tmp_path / "own", tmp_path / "data", SystemClock(), SETTINGS, events) as made:
            for number, unit in enumerate(units):
                if number in encryptions:
                    await made.apply((storage(tmp_path, encryptions[number]),), 10**9)
                    track = made.track(KEY)
                    track.configure(CONFIG)
                track.write(unit)
                while made.queued_bytes:
                    await asyncio.sleep(0.001)
            await made.close_track(KEY)

    asyncio.run(run())


def played(reader: MediaReader) -> list[bytes]:
    found: list[bytes] = []
    gop = reader.gop_after(KEY, UtcUs(-1))
    while gop is not None:
        found += [unit.data for unit in gop.units]
        gop = reader.gop_after(KEY, gop.start)
    return found


def everything(tmp_path: Path, chest: KeyChest | None) -> list[bytes]:
    with closing(MediaDatabaseReader(tmp_path / "media", keys=chest)) as reader:
        return played(reader)


def stored(tmp_path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted((tmp_path / "media").rglob("*.mp4")))


DATA = [unit.data for unit in UNITS]


def test_encrypted_as_it_is_told_to(tmp_path: Path) -> None:
    chest = made_keys(tmp_path)
    for start, encryption in ((0, "None"), (25, "Strong"), (50, "Light")):
        record(tmp_path, list(UNITS[start : start + 25]), {0: encryption})
    assert everything(tmp_path, chest) == DATA
    content = stored(tmp_path)
    large = [number for number, data in enumerate(DATA) if len(data) > 60]
    assert {number for number in large if DATA[number] in content} == {
        number for number in large if number < 25 or number > 50
    }
    assert everything(tmp_path, None) == DATA[:25]  # a reader without keys; of `Light`, GOPs need their keyframe
    assert check(tmp_path / "media")["ok"]
    assert verify_recordings([tmp_path / "media"], Wanted(trust=Trust(frozenset())))["fragments"] == 3
    assert rebuild(tmp_path / "media")["ok"]
    assert everything(tmp_path, KeyChest(tmp_path / "data")) == DATA
    with closing(MediaDatabaseReader(tmp_path / "media")) as reader:  # what there is can be seen without keys
        assert len(reader.sequences(KEY, ALL)) == 1


def test_without_keys_nothing_is_recorded_until_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "TICK_S", 0.01)
    events: list[AnyStorageEvent] = []

    async def run() -> None:
        async with StorageWriters(tmp_path / "own", tmp_path / "data", SystemClock(), SETTINGS, events.append) as made:
            await made.apply((storage(tmp_path),), 10**9)
            track = made.track(KEY)
            track.configure(CONFIG)
            for unit in UNITS[:25]:
                track.write(unit)
            await made.close_track(KEY)
            assert not list((tmp_path / "media").rglob("*.mp4"))
            made_keys(tmp_path)
            running = asyncio.create_task(made.run(), name="storages")
            async with asyncio.timeout(20):
                while not any(isinstance(event, KeysUsable) for event in events):
                    await asyncio.sleep(0.01)
            running.cancel()
            track = made.track(KEY)
            track.configure(CONFIG)
            for unit in UNITS[25:]:
                track.write(unit)
            await made.close_track(KEY)

    asyncio.run(run())
    assert isinstance(events[0], KeysUnusable)
    assert everything(tmp_path, KeyChest(tmp_path / "data")) == DATA[25:]
    assert DATA[25] not in stored(tmp_path)


def test_another_password_and_another_key_leave_what_is_recorded(tmp_path: Path) -> None:
    chest = made_keys(tmp_path)
    record(tmp_path, list(UNITS[:25]), {0: "Strong"})
    before = stored(tmp_path)
    chest.follow("s", "another password", 1, [tmp_path / "media"])
    assert stored(tmp_path) == before
    chest.follow("s", "another password", 2, [tmp_path / "media"], keys=2)
    record(tmp_path, list(UNITS[25:]), {0: "Strong"})
    files = sorted((tmp_path / "media").rglob("*.mp4"))
    used = []
    for file in files:
        content = file.read_bytes()
        protection = read_init(lambda at, size, content=content: content[at : at + size]).protection
        assert protection is not None
        used.append(protection.storage_key)
    assert used[0] != used[-1]
    assert everything(tmp_path, KeyChest(tmp_path / "data")) == DATA
    beside = read_ring((tmp_path / "media" / RING).read_bytes(), "copy")
    assert [key.id for key in beside.opened_by("another password")] == [used[0], used[-1]]


def test_another_recorder_reads_the_disk_with_the_password(tmp_path: Path) -> None:
    made_keys(tmp_path)
    record(tmp_path, list(UNITS), {0: "Strong"})
    made_keys(tmp_path)  # the disk was not there the first time
    shutil.rmtree(tmp_path / "data")
    other = KeyChest(tmp_path / "other")
    assert everything(tmp_path, other) == []
    with pytest.raises(WrongPassword):
        other.adopt(tmp_path / "media", "guessed")
    assert other.adopt(tmp_path / "media", PASSWORD) == 1
    assert everything(tmp_path, other) == DATA


def test_exports_read_it_and_copy_nothing_encrypted(tmp_path: Path) -> None:
    made_keys(tmp_path)
    record(tmp_path, list(UNITS), {0: "Strong"})
    with opened_recordings(tmp_path / "data", tmp_path / "own", [storage(tmp_path)]) as reader:
        assert played(reader) == DATA
    with opened_recordings(tmp_path / "data", tmp_path / "media") as reader:
        assert isinstance(reader, MediaDatabaseReader)
        assert reader.extents(KEY, ALL) is None
        assert played(reader) == DATA


def test_a_player_plays_it_when_it_is_given_the_key(tmp_path: Path) -> None:
    chest = made_keys(tmp_path)
    record(tmp_path, list(UNITS), {0: "Strong"})
    file = min((tmp_path / "media").rglob("*.mp4"))
    content = file.read_bytes()
    protection = read_init(lambda at, size: content[at : at + size]).protection
    assert protection is not None
    key = chest.content_key(protection).hex()
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    done = subprocess.run(
        [*command, "-decryption_key", key, str(file)], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("25,", "")


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 9}', b"\xff" * 100, b"[]", b'{"version":1,"keys":[{}]}'])
def test_damaged_keys_are_told_and_never_replaced(tmp_path: Path, damage: bytes) -> None:
    chest = made_keys(tmp_path)
    ring = tmp_path / "data" / "recording" / "keys" / "s.json"
    ring.write_bytes(damage)
    for use in (lambda: chest.newest("s"), lambda: chest.follow("s", PASSWORD, 0, ())):
        with pytest.raises(KeysDamaged):
            use()
    assert ring.read_bytes() == damage
    events: list[AnyStorageEvent] = []
    record(tmp_path, list(UNITS[:25]), {0: "Strong"}, events.append)
    assert any(isinstance(event, KeysUnusable) for event in events)
    assert not list((tmp_path / "media").rglob("*.mp4"))


def test_a_damaged_key_of_the_recorder_is_not_replaced(tmp_path: Path) -> None:
    made_keys(tmp_path)
    own = tmp_path / "data" / "recording" / "identity" / OWN_KEY
    own.write_bytes(b"short")
    with pytest.raises(StorageError):
        KeyChest(tmp_path / "data").newest("s")
    assert own.read_bytes() == b"short"
    record(tmp_path, list(UNITS[:25]), {0: "Strong"})
    assert not list((tmp_path / "media").rglob("*.mp4"))


def test_a_flipped_bit_in_the_wrapped_key_is_told(tmp_path: Path) -> None:
    chest = made_keys(tmp_path)
    record(tmp_path, list(UNITS), {0: "Strong"})
    file = min((tmp_path / "media").rglob("*.mp4"))
    content = bytearray(file.read_bytes())
    at = content.find(b'"wrapped":"') + 15
    content[at] = ord("A") if content[at] != ord("A") else ord("B")
    protection = read_init(lambda at, size: bytes(content[at : at + size])).protection
    assert protection is not None
    with pytest.raises(Mp4Locked):
        chest.content_key(protection)
    file.write_bytes(content)
    assert everything(tmp_path, KeyChest(tmp_path / "data")) == DATA[25:]
