"""A media database with cameras whose pictures carry their time, for tests of export."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media import h264
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from common.media.nal import prefixed, split_annex_b
from common.media.picture_stamp import write_stamp
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import audio_sample

CAMERA = DeviceId("00000000-0000-4000-8000-0000000000c1")
CAMERA_2 = DeviceId("00000000-0000-4000-8000-0000000000c2")
MICROPHONE = DeviceId("00000000-0000-4000-8000-0000000000a1")
VIDEO_KEY = TrackKey(CAMERA, PRIMARY)
SOUND_KEY = TrackKey(MICROPHONE, PRIMARY)
T0 = UtcUs(1_700_000_000_000_000)
FRAME_US = 40_000
SETTINGS = WriterSettings(segment_s=4, min_free_bytes=0, retain_minutes=10**9, preallocate_bytes=0)
NALS = {Codec.H264: lambda nal: nal[0] & 31 in (1, 5), Codec.H265: lambda nal: (nal[0] >> 1 & 63) < 32}


@cache
def stamped(
    codec: Codec = Codec.H264, frames: int = 250, gop: int = 50, b_frames: int = 0, width_px: int = 320
) -> tuple[CodecConfig, tuple[AccessUnit, ...]]:
    """Pictures of 25 a second from T0, each with its own time in it."""
    height_px = width_px * 9 // 16
    name = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.MJPEG: "mjpeg"}[codec]
    context = av.CodecContext.create(name, "w")
    context.width, context.height = width_px, height_px
    context.pix_fmt = "yuvj420p" if codec is Codec.MJPEG else "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(25)
    context.thread_count = 1
    if codec is not Codec.MJPEG:
        context.flags |= 1 << 22
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:open-gop=0:log-level=none"
        preset = "ultrafast" if not b_frames else "veryfast"
        context.options = {"preset": preset, "crf": "23", f"{name[3:]}-params": params}
    context.open()
    packets = []
    for number in range(frames):
        luma = np.full((height_px, width_px), 100, np.uint8)
        luma[height_px // 2 :, : (number * 7) % width_px + 1] = 180
        write_stamp(luma, UtcUs(T0 + number * FRAME_US))
        flat = np.concatenate((luma.ravel(), np.full(luma.size // 2, 128, np.uint8))).reshape(-1, width_px)
        frame = av.VideoFrame.from_ndarray(flat, format=context.pix_fmt)
        frame.pts, frame.time_base = number * 3600, Fraction(1, 90_000)
        packets += context.encode(frame)
    packets += context.encode(None)
    record = b""
    if codec is Codec.H264:
        sets = split_annex_b(bytes(context.extradata))
        record = h264.configuration_record([n for n in sets if n[0] & 31 == 7], [n for n in sets if n[0] & 31 == 8])
    elif codec is Codec.H265:
        from common.media import h265

        sets = split_annex_b(bytes(context.extradata))
        by_kind = {kind: [n for n in sets if h265.nal_type(n) == kind] for kind in (32, 33, 34)}
        record = h265.configuration_record(by_kind[32], by_kind[33], by_kind[34])
    config = CodecConfig(codec, 90_000, record, width_px, height_px)
    units = []
    for packet in packets:
        data = bytes(packet)
        if codec is not Codec.MJPEG:
            data = prefixed([nal for nal in split_annex_b(data) if NALS[codec](nal)])
        pts = int(packet.pts)
        key = codec is Codec.MJPEG or packet.is_keyframe
        units.append(AccessUnit(data, pts, int(packet.dts), UtcUs(T0 + pts * 100 // 9), key))
    return config, tuple(units)


Recorded = tuple[TrackKey, CodecConfig, Iterable[AccessUnit]]


async def write(root: Path, *tracks: Recorded, settings: WriterSettings = SETTINGS) -> None:
    """Record; a unit of `None` bytes breaks the run."""
    async with MediaDatabaseWriter(root, SystemClock(), settings, lambda event: None) as database:
        for key, config, units in tracks:
            track = database.track(key)
            track.configure(config)
            last = None
            for unit in units:
                if last is not None and unit.utc_us - last > 1_000_000:
                    track.end_run()
                track.write(unit)
                last = unit.utc_us
                while database.queued_bytes > 8_000_000:
                    await asyncio.sleep(0.01)
            await track.close()


def record(root: Path, *tracks: Recorded) -> None:
    asyncio.run(write(root, *tracks))


def sound(seconds: float = 10.0, codec: Codec = Codec.AAC) -> tuple[CodecConfig, tuple[AccessUnit, ...]]:
    """A tone from T0 on."""
    config, units = audio_sample(codec, seconds)
    shift = T0 - units[0].utc_us
    return config, tuple(replace(unit, utc_us=UtcUs(unit.utc_us + shift)) for unit in units)


def without(units: Iterable[AccessUnit], start: int, end: int) -> list[AccessUnit]:
    """Leave out what is shown in `start <= t < end`."""
    return [unit for unit in units if not start <= unit.utc_us < end]
