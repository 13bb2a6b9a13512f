"""Packages: what is in them, and that whatever is changed in them is noticed by the verifier that they carry."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
import pyzipper
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.api.exporting import ExportGap, ExportItem, ExportRequest, ExportSpan
from common.media.mp4.reader import read_init, scan_fragments
from server.recording.exporting.maker import make
from server.recording.exporting.names import safe_name
from server.recording.exporting.package import Origin
from server.recording.exporting.work import NoProgress, Work
from server.recording.mediadb.contract import MediaReader
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.proof.signing import fingerprint, public_bytes, signing_key
from tests.support.recorded_films import CAMERA, MICROPHONE, SOUND_KEY, T0, VIDEO_KEY, record, sound, stamped, without
from tests.unit.server.recording.exporting.test_export_films import ThroughReader

NAME = "../../Tür \\ 1\u202e: gate?"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaDatabaseReader]:
    root = tmp_path_factory.mktemp("recordings")
    config, units = stamped(frames=300)
    record(root, (VIDEO_KEY, config, without(units, T0 + 6_000_000, T0 + 8_000_000)), (SOUND_KEY, *sound(12.0)))
    found = MediaDatabaseReader(root)
    yield found
    found.close()


def packed(reader: MediaReader, folder: Path, password: str = "") -> Path:
    item = ExportItem(
        device=CAMERA,
        microphone=MICROPHONE,
        name=NAME,
        spans=(ExportSpan(start_us=T0 + 3_000_000, end_us=T0 + 11_000_000),),
    )
    request = ExportRequest(items=(item,), format="package", password=password, comment="Case 7 {by}")
    work = Work(reader, request, folder / "result", NoProgress())
    make(work, Origin("r1", "Recorder", "Vedette 1", "anna", "u1", T0, signing_key(folder)))
    (made,) = work.files
    assert [(gap.start_us - T0) // 1_000_000 for gap in work.gaps] == [6]
    return folder / "result" / made.name


@pytest.fixture(scope="module")
def package(reader: MediaDatabaseReader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(reader, tmp_path_factory.mktemp("package"))


@pytest.fixture
def unpacked(package: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def verified(folder: Path, *arguments: str) -> tuple[int, dict]:
    """Run the verifier of a package as somebody would who has nothing but Python."""
    command = [sys.executable, "-I", str(folder / "verify.py"), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_package_is_intact_as_it_is_given_away(package: Path, unpacked: Path) -> None:
    assert verified(unpacked)[0] == 0
    code, said = verified(unpacked, str(package))
    assert (code, said["intact"], said["by"], said["gaps"]) == (0, True, "anna", 1)
    key = fingerprint(public_bytes(signing_key(package.parent.parent)))
    assert said["key"] == key
    assert verified(unpacked, "--key", key)[0] == 0
    assert verified(unpacked, "--key", key.replace("-", "").upper())[0] == 0
    text = (unpacked / "README.txt").read_text()
    assert key in text
    assert "Case 7 {by}" in text


def test_what_is_in_it(package: Path, unpacked: Path, reader: MediaDatabaseReader) -> None:
    names = zipfile.ZipFile(package).namelist()
    assert all(not name.startswith("/") and ".." not in name.split("/") and "\\" not in name for name in names)
    manifest = json.loads((unpacked / "manifest.json").read_text())
    assert manifest["comment"] == "Case 7 {by}"
    assert manifest["gaps"][0]["reason"] == "not recorded"
    media = [entry for entry in manifest["files"] if entry["path"].endswith(".mp4")]
    assert {entry["device"] for entry in media} == {CAMERA, MICROPHONE}
    pictures = 0
    originals = [path.read_bytes() for path in reader._root.rglob("*.mp4")]
    for entry in media:
        path = unpacked / entry["path"]
        data = path.read_bytes()
        assert entry["as_recorded"]
        assert all(any(data[at : at + size] in one for one in originals) for at, size, _, _ in entry["fragments"])
        with av.open(str(path)) as file:
            pictures += sum(1 for packet in file.demux() if packet.size) if entry["device"] == CAMERA else 0
    assert pictures == 200  # 2.0 to 6.0 and 8.0 to 12.0
    playlists = list(unpacked.rglob("*.m3u8"))
    assert len(playlists) == 2
    for playlist in playlists:
        for line in playlist.read_text().splitlines():
            assert line.startswith("#") or (playlist.parent / line).is_file()


def test_recordings_that_are_no_plain_files_are_packed_too(reader: MediaDatabaseReader, tmp_path: Path) -> None:
    path = packed(ThroughReader(reader), tmp_path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert verified(tmp_path / "unpacked")[0] == 0
    manifest = json.loads((tmp_path / "unpacked" / "manifest.json").read_text())
    samples = 0
    for entry in manifest["files"]:
        if entry["path"].endswith(".mp4"):
            data = (tmp_path / "unpacked" / entry["path"]).read_bytes()
            init = read_init(lambda at, size, data=data: data[at : at + size])
            assert init.info is not None
            scan = scan_fragments(
                lambda at, size, data=data: data[at : at + size], init.size_bytes, len(data), finished=True
            )
            assert (scan.skipped_bytes, scan.next_offset) == (0, len(data))
            samples += sum(f.samples for f in scan.fragments) if init.info.device == CAMERA else 0
    assert samples == 200


def every_file(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_flipped_bit_in_any_file_is_found(unpacked: Path, tmp_path: Path) -> None:
    verifier = tmp_path / "clean"
    verifier.mkdir()
    shutil.copy(unpacked / "verify.py", verifier)
    for path in every_file(unpacked):
        before = path.read_bytes()
        at = len(before) * 2 // 3
        path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])
        code, said = verified(verifier, str(unpacked))
        assert code == 1, path
        assert said["found"]
        path.write_bytes(before)
    assert verified(verifier, str(unpacked))[0] == 0


def test_the_part_that_was_changed_is_named(unpacked: Path) -> None:
    manifest = json.loads((unpacked / "manifest.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry.get("device") == CAMERA)
    offset, size, _, _ = entry["fragments"][1]
    path = unpacked / entry["path"]
    data = bytearray(path.read_bytes())
    data[offset + size - 1] ^= 1
    path.write_bytes(data)
    _, said = verified(unpacked)
    assert any("2023-11-14 22:13:23" in sentence and "differs" in sentence for sentence in said["found"])


def remove(folder: Path) -> None:
    next(folder.rglob("*.mp4")).unlink()


def add(folder: Path) -> None:
    shutil.copy(next(folder.rglob("*.mp4")), folder / "media" / "other.mp4")


def swap(folder: Path) -> None:
    first, second, *_ = sorted(folder.rglob("*.mp4"))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def rewrite_the_list(folder: Path) -> None:
    """Change a file and its hash in the list: the signature no longer holds."""
    next(folder.rglob("*.m3u8")).write_text("#EXTM3U\n")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["comment"] = "nothing happened"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def strange_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


def other_signature(folder: Path) -> None:
    """Signed with somebody else's key, in a manifest that still names the recorder's."""
    key = Ed25519PrivateKey.generate()
    signature = key.sign((folder / "manifest.json").read_bytes()).hex()
    (folder / "manifest.sig").write_text(
        json.dumps({"algorithm": "Ed25519", "public_key": public_bytes(key).hex(), "signature": signature})
    )


@pytest.mark.parametrize("change", [remove, add, swap, rewrite_the_list, strange_manifest, other_signature])
def test_changes_to_the_package(unpacked: Path, change: Callable[[Path], None]) -> None:
    change(unpacked)
    code, said = verified(unpacked)
    assert (code, said["intact"]) == (1, False)
    assert said["found"]


def test_a_package_signed_anew_by_somebody_else_has_another_fingerprint(unpacked: Path, package: Path) -> None:
    key = Ed25519PrivateKey.generate()
    manifest = json.loads((unpacked / "manifest.json").read_text())
    manifest["recorder"]["public_key"] = public_bytes(key).hex()
    data = json.dumps(manifest).encode()
    (unpacked / "manifest.json").write_bytes(data)
    sealed = {"public_key": public_bytes(key).hex(), "signature": key.sign(data).hex()}
    (unpacked / "manifest.sig").write_text(json.dumps(sealed))
    true_key = fingerprint(public_bytes(signing_key(package.parent.parent)))
    assert verified(unpacked)[0] == 0
    assert verified(unpacked, "--key", true_key)[0] == 1


def test_what_is_no_package(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no")
    assert verified(unpacked, str(tmp_path / "x.zip"))[0] == 2
    assert verified(unpacked, str(tmp_path / "nothing"))[0] == 2
    (tmp_path / "empty").mkdir()
    assert verified(unpacked, str(tmp_path / "empty"))[0] == 2


def test_a_password(reader: MediaDatabaseReader, tmp_path: Path) -> None:
    path = packed(reader, tmp_path, password="pässword")
    with zipfile.ZipFile(path) as archive, pytest.raises((RuntimeError, NotImplementedError)):
        archive.read("manifest.json")
    with pyzipper.AESZipFile(path) as archive:
        assert all(info.flag_bits & 1 for info in archive.infolist())
        archive.setpassword(b"wrong")
        with pytest.raises(RuntimeError):
            archive.read("manifest.json")
        archive.setpassword("pässword".encode())
        archive.extractall(tmp_path / "unpacked")
    code, said = verified(tmp_path / "unpacked", str(path))
    assert code == 2
    assert "password" in said["error"]
    assert verified(tmp_path / "unpacked")[0] == 0


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Door/1", "Door_1"),
        ("..", "_"),
        ("", "_"),
        ("CON", "_CON"),
        ("com1.txt", "_com1.txt"),
        ("a\x00b\u202ec", "a_b_c"),
        (" x. ", "x"),
        ("ü" * 100, "ü" * 50),
        ("\ud800", "_"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_gaps_survive_their_journey() -> None:
    gap = ExportGap(device=CAMERA, track="primary", start_us=1, end_us=2, reason="x")
    assert ExportGap.model_validate_json(gap.model_dump_json()) == gap
