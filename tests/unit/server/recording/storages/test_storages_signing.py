"""Storages that are told to sign, with and without a key; and that every player takes sealed files as they are."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import SystemClock
from common.media.access_unit import Codec
from server.recording.proof.findings import Trust
from server.recording.proof.recordings import Wanted, verify_recordings
from server.recording.proof.signing import KEY_FILE, fingerprint, public_keys
from server.recording.storages import signatures
from server.recording.storages.events import AnyStorageEvent, SigningFailed, SigningWorks
from server.recording.storages.writers import StorageWriters
from tests.support.archive_rig import KEY, SETTINGS, record_units
from tests.support.media_samples import video_sample

CONFIG, UNITS = video_sample(frames=75)


def storage(tmp_path: Path, *, signing: bool) -> RecordedStorage:
    return RecordedStorage(id="s", name="S", path=str(tmp_path / "media"), retain_minutes=10**9, signing=signing)


def proof(tmp_path: Path) -> dict[str, Any]:
    keys = frozenset(map(fingerprint, public_keys(tmp_path / "data")))
    return verify_recordings([tmp_path / "media"], Wanted(trust=Trust(keys)))


def test_a_storage_signs_from_the_next_keyframe_on_when_it_is_told_to(tmp_path: Path) -> None:
    async def record() -> None:
        clock = SystemClock()
        async with StorageWriters(tmp_path / "own", tmp_path / "data", clock, SETTINGS, lambda event: None) as made:
            for number, unit in enumerate(UNITS):
                if number in (0, 25, 50):
                    await made.apply((storage(tmp_path, signing=number == 25),), 10**9)
                    track = made.track(KEY)
                    track.configure(CONFIG)
                track.write(unit)
                while made.queued_bytes:
                    await asyncio.sleep(0.001)
            await made.close_track(KEY)

    asyncio.run(record())
    report = proof(tmp_path)
    assert (report["ok"], report["notes"]) == (True, [])
    assert (report["fragments"], report["signed_fragments"]) == (3, 1)


def test_without_a_key_recording_goes_on_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_AGAIN_S", 0.0)
    key = tmp_path / "data" / "recording" / "identity" / KEY_FILE
    key.parent.mkdir(parents=True)
    key.write_text("no key")
    events: list[AnyStorageEvent] = []

    async def record() -> None:
        clock = SystemClock()
        async with StorageWriters(tmp_path / "own", tmp_path / "data", clock, SETTINGS, events.append) as made:
            await made.apply((storage(tmp_path, signing=True),), 10**9)
            track = made.track(KEY)
            track.configure(CONFIG)
            for unit in UNITS[:25]:
                track.write(unit)
            await made.close_track(KEY)
            key.unlink()
            running = asyncio.create_task(made.run(), name="storages")
            async with asyncio.timeout(20):
                while len(events) < 2:
                    await asyncio.sleep(0.01)
            running.cancel()
            track = made.track(KEY)
            track.configure(CONFIG)
            for unit in UNITS[25:]:
                track.write(unit)
            await made.close_track(KEY)

    asyncio.run(record())
    assert [type(event) for event in events] == [SigningFailed, SigningWorks]
    report = proof(tmp_path)
    assert report["ok"]
    assert (report["fragments"], report["signed_fragments"]) == (3, 2)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_players_take_sealed_files(tmp_path: Path, codec: Codec) -> None:
    config, units = video_sample(codec, frames=25)
    record_units(tmp_path, config, units)
    (file,) = tmp_path.rglob("*.mp4")
    assert bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f004") in file.read_bytes()
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    probed = subprocess.run([*probe, str(file)], capture_output=True, text=True, check=True, timeout=60)
    assert (probed.stdout.strip(), probed.stderr) == ("25", "")
    copied = ["ffmpeg", "-v", "error", "-i", str(file), "-c", "copy", str(tmp_path / "copy.mp4")]
    assert subprocess.run(copied, capture_output=True, check=True, timeout=60).stderr == b""
    pipeline = f"filesrc location={file} ! qtdemux ! fakesink name=sink silent=false sync=false"
    played = subprocess.run(
        ["gst-launch-1.0", "-v", *pipeline.split()], capture_output=True, text=True, check=True, timeout=60
    )
    assert played.stdout.count("chain   *****") == 25
