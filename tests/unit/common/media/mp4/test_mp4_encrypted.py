"""Common Encryption: what is written encrypted comes back, by us and by other readers, and only with its key."""

import secrets
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.protection import Mp4Locked, SampleCipher, new_protection
from common.media.mp4.reader import read_init, read_units, scan_fragments
from common.media.mp4.writer import fragment_header, init_segment
from tests.support.media_samples import audio_sample, video_sample

VIDEO = CodecConfig(Codec.H264, 90_000, b"\x01\x64\x00\x1f\xff\xe0\x00", width_px=64, height_px=64)
JPEG = CodecConfig(Codec.MJPEG, 90_000, width_px=64, height_px=64)
SOUND = CodecConfig(Codec.AAC, 48_000, b"\x11\x90", sample_rate_hz=48_000, channels=2)
XML = CodecConfig(Codec.ONVIF_XML, 1000, b"http://www.onvif.org/ver10/schema")
SECRET = secrets.token_bytes(32)


def written(config: CodecConfig, fragments: list[list[AccessUnit]], extent: str = "Strong") -> tuple[bytes, bytes]:
    """An encrypted file, and its content key."""
    protection, key = new_protection("storage key 1", SECRET)
    cipher = SampleCipher(key, config, extent)  # type: ignore[arg-type]
    parts = [init_segment(config, None, protection)]
    for number, units in enumerate(fragments, 1):
        data, boxes = cipher.encrypt(units)
        assert sum(map(len, data)) == sum(len(unit.data) for unit in units)
        after = units[-1].dts + 3600
        parts += [fragment_header(number, units, after, 0, config, encryption=boxes), *data]
    return b"".join(parts), key


def read_back(data: bytes, key: bytes | None) -> list[bytes]:
    def read(at: int, size: int) -> bytes:
        return data[at : at + size]

    init = read_init(read)
    scan = scan_fragments(read, init.size_bytes, len(data))
    assert not scan.skipped_bytes
    units = [u for f in scan.fragments for u in read_units(data[f.offset : f.end_offset], init.config, 0, key)]
    return [unit.data for unit in units]


def units_of(samples: list[bytes], first_key: bool = True) -> list[AccessUnit]:
    return [
        AccessUnit(data, place * 3600, place * 3600, UtcUs(place * 40_000), place == 0 and first_key)
        for place, data in enumerate(samples)
    ]


def nal_units(sizes: list[int]) -> bytes:
    return b"".join(size.to_bytes(4, "big") + b"\x65" + secrets.token_bytes(size - 1) for size in sizes)


nal_samples = st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=5).map(nal_units), min_size=1, max_size=6)
plain_samples = st.lists(st.binary(max_size=300), min_size=1, max_size=6)


@given(st.lists(nal_samples, min_size=1, max_size=3), st.sampled_from(["Strong", "Light"]))
def test_video_comes_back(fragments: list[list[bytes]], extent: str) -> None:
    data, key = written(VIDEO, [units_of(samples) for samples in fragments], extent)
    assert read_back(data, key) == [sample for samples in fragments for sample in samples]


@given(st.lists(plain_samples, min_size=1, max_size=3), st.sampled_from([JPEG, SOUND, XML]))
def test_what_has_no_nal_units_comes_back(fragments: list[list[bytes]], config: CodecConfig) -> None:
    data, key = written(config, [units_of(samples) for samples in fragments])
    assert read_back(data, key) == [sample for samples in fragments for sample in samples]


def test_garbage_for_nal_units_and_long_clear_runs_come_back() -> None:
    samples = [b"\xff" * 50, bytes(3), b"\0\0\0\1" * 40_000, nal_units([1] * 20_000)]
    data, key = written(VIDEO, [units_of(samples)])
    assert read_back(data, key) == samples


def test_nothing_of_it_can_be_read_without_the_key() -> None:
    text = b"number plate B-VD 1234, " * 20
    data, _ = written(XML, [units_of([text])])
    assert b"plate" not in data
    with pytest.raises(Mp4Locked):
        read_back(data, None)
    protection = read_init(lambda at, size: data[at : at + size]).protection
    assert protection is not None
    assert protection.storage_key == "storage key 1"
    assert protection.content_key(SECRET)
    with pytest.raises(Mp4Locked):
        protection.content_key(secrets.token_bytes(32))


def test_light_encrypts_keyframes_only() -> None:
    samples = [nal_units([200]), nal_units([300])]
    data, _ = written(VIDEO, [units_of(samples)], "Light")
    assert samples[0] not in data
    assert samples[1] in data


def test_no_keystream_is_used_twice() -> None:
    samples = [bytes(64)] * 50
    data, _ = written(JPEG, [units_of(samples), units_of(samples)])
    init = read_init(lambda at, size: data[at : at + size])
    blocks = [data[at : at + 16] for at in range(init.size_bytes, len(data) - 15)]
    stored = [block for block in blocks if block != bytes(16)]
    assert len(stored) > 200
    plain = read_back_raw(data)
    assert len(set(plain)) == len(plain)


def read_back_raw(data: bytes) -> list[bytes]:
    """The stored samples, cut into blocks."""
    found: list[bytes] = []
    at = data.find(b"mdat")
    while at >= 0:
        size = int.from_bytes(data[at - 4 : at], "big") - 8
        body = data[at + 4 : at + 4 + size]
        found += [body[place : place + 16] for place in range(0, size, 16)]
        at = data.find(b"mdat", at + 4 + size)
    return found


@given(st.data())
def test_damaged_boxes_raise_what_they_should(chosen: st.DataObject) -> None:
    data, key = written(VIDEO, [units_of([nal_units([100, 200])])])
    start, end = data.find(b"senc") - 4, data.find(b"mdat")
    place = chosen.draw(st.integers(start, end))
    damaged = bytearray(data)
    damaged[place] ^= 1 << chosen.draw(st.integers(0, 7))
    try:
        read_back(bytes(damaged), key)
    except (Mp4Damaged, AssertionError):
        return


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265, Codec.AAC])
def test_other_readers_play_it_with_the_key(tmp_path: Path, codec: Codec) -> None:
    config, units = audio_sample(codec) if codec is Codec.AAC else video_sample(codec)
    step = units[1].dts - units[0].dts
    encrypted, clear = tmp_path / "encrypted.mp4", tmp_path / "clear.mp4"
    data, key = written(config, [list(units)])
    encrypted.write_bytes(data)
    header = fragment_header(1, units, units[-1].dts + step, 0, config)
    clear.write_bytes(b"".join([init_segment(config), header, *(unit.data for unit in units)]))

    def checksums(file: Path, *options: str) -> list[str]:
        command = ["ffmpeg", "-v", "error", *options, "-i", str(file), "-f", "framemd5", "-"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
        return [line.rsplit(",", 1)[1] for line in told.splitlines() if not line.startswith("#")]

    wanted = checksums(clear)
    assert len(wanted) >= len(units) - 1
    assert checksums(encrypted, "-decryption_key", key.hex()) == wanted
    assert checksums(encrypted) != wanted
