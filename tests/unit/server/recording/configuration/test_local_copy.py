"""The recorder's own copy: unreadable to others, whole or not there, and never trusted when damaged."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.api.recorder_configuration import RecordedDevice, RecordedHardware, RecorderConfiguration
from common.foundation.ids import DeviceId, HardwareId, RecorderId
from server.recording.configuration.local_copy import LocalCopy

RECORDER = RecorderId("2f0d8f6e-4f2b-4b0e-8a53-0d6a1a3f9a11")
CONFIGURATION = RecorderConfiguration(
    version=7,
    recorder=RECORDER,
    name="North",
    hardware=(
        RecordedHardware(
            id=HardwareId("h1"),
            name="Gate",
            url="rtsp://10.0.0.1/x",
            user="root",
            password="geheim",
            camera=RecordedDevice(id=DeviceId("c1"), name="Gate"),
        ),
    ),
    jwks='{"keys": []}',
    issuer="https://vms.example/idp",
)


def files(data: Path) -> dict[str, Path]:
    return {file.name: file for file in (data / "recording" / "configuration").iterdir()}


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    assert LocalCopy(tmp_path, RECORDER).load() is None
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    assert LocalCopy(tmp_path, RECORDER).load() == CONFIGURATION


def test_the_copy_is_encrypted_and_private(tmp_path: Path) -> None:
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    for file in files(tmp_path).values():
        assert file.stat().st_mode & 0o777 == 0o600
        for secret in (b"geheim", b"root", b"10.0.0.1", b"Gate"):
            assert secret not in file.read_bytes()


@given(at=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_one_changed_byte_anywhere_is_noticed(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    data = tmp_path_factory.mktemp("copy")
    LocalCopy(data, RECORDER).save(CONFIGURATION)
    sealed = files(data)["configuration.sealed"]
    content = bytearray(sealed.read_bytes())
    content[at % len(content)] ^= flip
    sealed.write_bytes(content)
    assert LocalCopy(data, RECORDER).load() is None


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 4096])
def test_a_damaged_copy_is_reported_and_kept_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    files(tmp_path)["configuration.sealed"].write_bytes(content)
    assert LocalCopy(tmp_path, RECORDER).load() is None
    assert files(tmp_path)["configuration.damaged"].read_bytes() == content
    assert "damaged" in caplog.text
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    assert LocalCopy(tmp_path, RECORDER).load() == CONFIGURATION


def test_a_lost_key_makes_a_new_one(tmp_path: Path) -> None:
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    files(tmp_path)["configuration.key"].unlink()
    assert LocalCopy(tmp_path, RECORDER).load() is None
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    assert LocalCopy(tmp_path, RECORDER).load() == CONFIGURATION


def test_another_recorders_copy_does_not_open(tmp_path: Path) -> None:
    LocalCopy(tmp_path, RECORDER).save(CONFIGURATION)
    assert LocalCopy(tmp_path, RecorderId("other")).load() is None
