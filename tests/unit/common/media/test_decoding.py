"""Decoders, scaler and resampler on streams that were encoded just now."""

import numpy as np
import pytest

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.decoding import AudioDecoder, DecodeError, PictureScaler, VideoDecoder, fit_px
from tests.support.media_samples import audio_sample, picture, video_sample


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265, Codec.MJPEG])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_picture_comes_out_once_with_its_time(codec: Codec, b_frames: int) -> None:
    config, units = video_sample(codec, frames=25, b_frames=0 if codec is Codec.MJPEG else b_frames)
    decoder = VideoDecoder(config)
    pictures = [out for unit in units for out in decoder.decode(unit)] + decoder.drain()
    assert [out.utc_us for out in pictures] == sorted(unit.utc_us for unit in units)
    assert {(out.width_px, out.height_px) for out in pictures} == {(160, 96)}


def test_a_stream_without_b_pictures_is_not_held_back() -> None:
    config, units = video_sample(frames=10)
    decoder = VideoDecoder(config)
    assert [len(decoder.decode(unit)) for unit in units] == [1] * 10


def test_scaling_keeps_what_is_seen() -> None:
    config, units = video_sample(Codec.MJPEG, frames=1)
    (out,) = VideoDecoder(config).decode(units[0])
    pixels = bytearray(160 * 96 * 4)
    PictureScaler().bgra_into(out, 160, 96, memoryview(pixels))
    bgra = np.frombuffer(pixels, np.uint8).reshape(96, 160, 4)
    assert np.abs(bgra[8:-8, 8:-8, 2::-1].astype(int) - picture(0, 160, 96)[8:-8, 8:-8]).mean() < 12


@pytest.mark.parametrize("size_px", [(161, 97), (33, 50), (320, 192), (2, 2)])
def test_any_size_fills_exactly_its_bytes(size_px: tuple[int, int]) -> None:
    config, units = video_sample(frames=1)
    decoder = VideoDecoder(config)
    (out,) = decoder.decode(units[0]) or decoder.drain()
    width_px, height_px = size_px
    pixels = bytearray(width_px * height_px * 4)
    PictureScaler().bgra_into(out, width_px, height_px, memoryview(pixels))
    assert any(pixels)


def test_shrinking_never_enlarges() -> None:
    config, units = video_sample(frames=1)
    decoder = VideoDecoder(config)
    (out,) = decoder.decode(units[0]) or decoder.drain()
    scaler = PictureScaler()
    assert scaler.shrunk(out, 1000, 1000) is out
    small = scaler.shrunk(out, 80, 48)
    assert (small.width_px, small.height_px, small.utc_us) == (80, 48, out.utc_us)


def test_a_box_is_filled_without_changing_the_shape() -> None:
    assert fit_px((1920, 1080), (640, 640)) == (640, 360)
    assert fit_px((1080, 1920), (640, 640)) == (360, 640)
    assert fit_px((10_000, 10), (100, 100)) == (100, 2)


def test_a_configuration_of_the_other_kind_is_an_error_of_ours() -> None:
    with pytest.raises(DecodeError):
        VideoDecoder(CodecConfig(Codec.AAC, 48_000, b"\x11\x90"))
    with pytest.raises(DecodeError):
        AudioDecoder(CodecConfig(Codec.H264, 90_000))


def test_garbage_is_an_error_of_ours_and_the_next_keyframe_mends_it() -> None:
    config, units = video_sample(frames=5)
    decoder = VideoDecoder(config)
    with pytest.raises(DecodeError):
        decoder.decode(AccessUnit(b"\xff" * 40, 0, 0, UtcUs(1), True))
    decoder.reset()
    assert decoder.decode(units[0])


@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS, Codec.PCMA, Codec.PCMU])
def test_sound_becomes_48_khz_stereo_of_the_same_length(codec: Codec) -> None:
    config, units = audio_sample(codec, 1.0)
    decoder = AudioDecoder(config)
    blocks = [decoder.decode(unit) for unit in units]
    frames = sum(block.frames for block in blocks)
    assert abs(frames - 48_000) < 4800
    samples = np.frombuffer(b"".join(block.samples for block in blocks), np.int16).reshape(-1, 2)
    assert np.abs(samples[:, 0].astype(int) - samples[:, 1]).max() == 0
    assert 3000 < np.abs(samples.astype(int)).mean() < 16_000
