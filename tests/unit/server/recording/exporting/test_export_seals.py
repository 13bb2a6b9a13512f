"""Packages carry the seals that recordings were made with, and the verifier in them checks these too."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from common.api.exporting import ExportItem, ExportRequest, ExportSpan
from common.foundation.clock import UtcUs
from server.recording.exporting.maker import make
from server.recording.exporting.package import Origin
from server.recording.exporting.work import NoProgress, Work
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.proof.signing import fingerprint, new_signing_key, public_keys, signer, signing_key
from tests.support.sealed_recordings import CAMERAS, START_US, Recorded, record, recorded


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    record(tmp_path / "media", signer=signer(tmp_path / "data"), keys=CAMERAS[:1])
    return tmp_path / "media"


def told(root: Path, keys: tuple[bytes, ...] | None = None) -> tuple[int, dict[str, Any]]:
    """Make a package of the middle of the recording, unpack it, and run the verifier that lies in it."""
    data, folder = root.parent / "data", root.parent / "package"
    key = signing_key(data)
    span = ExportSpan(start_us=START_US + 1_000_000, end_us=START_US + 8_000_000)
    item = ExportItem(device=CAMERAS[0].device, name="Yard", spans=(span,))
    with closing(MediaDatabaseReader(root)) as reader:
        work = Work(reader, ExportRequest(items=(item,), format="package"), folder, NoProgress())
        known = tuple(public_keys(data)) if keys is None else keys
        make(work, Origin("r1", "Recorder", "Vedette 1", "anna", "u1", UtcUs(START_US), key, known))
    with zipfile.ZipFile(folder / work.files[0].name) as archive:
        archive.extractall(folder / "unpacked")
    command = [sys.executable, "-I", str(folder / "unpacked" / "verify.py")]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert plain.returncode == done.returncode
    return done.returncode, json.loads(done.stdout)


def change(segment: Recorded, data: bytes) -> None:
    segment.path.write_bytes(data)


def test_seals_come_along_and_hold(root: Path) -> None:
    sealed_with = fingerprint(public_keys(root.parent / "data")[0])
    new_signing_key(root.parent / "data")  # the package is signed with another key than the recordings
    code, said = told(root)
    assert (code, said["found"]) == (0, [])
    assert said["sealed"] == said["parts"] > 20
    assert said["seal_keys"] == [sealed_with] != [said["key"]]


def test_what_was_changed_before_the_export_is_named(root: Path) -> None:
    segment = recorded(root, CAMERAS[0])[1]
    data = bytearray(segment.data)
    data[segment.fragments[4].end_offset - 5] ^= 2
    change(segment, bytes(data))
    code, said = told(root)
    assert code == 1
    (sentence,) = said["found"]
    assert "before it was exported" in sentence
    assert "22:13:21.5" in sentence  # the fragment's own time


def test_what_was_replaced_before_the_export_is_named(root: Path) -> None:
    """A fragment of the same bytes, but of another file."""
    one, two = recorded(root, CAMERAS[0])[1:3]
    change(one, one.rebuilt([*one.parts[:4], two.of(4), *one.parts[5:]]))
    code, said = told(root)
    assert code == 1
    assert "recorded elsewhere" in said["found"][0]


def test_a_seal_with_a_key_that_is_not_the_recorders_is_named(root: Path) -> None:
    code, said = told(root, keys=(bytes(32),))
    assert code == 1
    assert "not the recorder's" in said["found"][0]
