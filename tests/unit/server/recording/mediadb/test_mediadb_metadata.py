"""Metadata tracks: timed XML and motion grids are written, indexed, read and played like other tracks."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig, MediaKind
from common.protocols.media_channel.records import RecordKind, config_of, config_record, kind_of
from common.protocols.rtp.formats import clock_rate_hz, depacketizer_for, is_carried
from common.protocols.rtp.units import MediaUnit
from common.protocols.sdp import parse_sdp
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.repair import reindex
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.tools import check
from server.recording.mediadb.writer import MediaDatabaseWriter

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
START_US = 1_700_000_000_000_000
SETTINGS = WriterSettings(segment_s=4, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600)
XML = CodecConfig(Codec.ONVIF_XML, 90_000, b"http://www.onvif.org/ver10/schema")
GRID = CodecConfig(Codec.MOTION_GRID, 90_000, bytes((0, 40, 0, 30)))
SDP = b"""v=0
o=- 0 0 IN IP4 127.0.0.1
s=-
t=0 0
m=application 0 RTP/AVP 107
a=control:meta
a=rtpmap:107 vnd.onvif.metadata/90000
"""


def units(config: CodecConfig, count: int) -> list[AccessUnit]:
    """Five a second."""
    said = b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">%d</tt:MetadataStream>'
    made = []
    for number in range(count):
        data = said % number if config.codec is Codec.ONVIF_XML else bytes((number % 256,)) * 150
        made.append(AccessUnit(data, number * 18_000, number * 18_000, UtcUs(START_US + number * 200_000), True))
    return made


@pytest.mark.parametrize("config", [XML, GRID])
async def test_metadata_is_a_track_like_others(tmp_path: Path, config: CodecConfig) -> None:
    written = units(config, 50)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, lambda event: None) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for unit in written:
            track.write(unit)
        await track.close()
    index = SegmentIndex(tmp_path, writable=True)
    for thorough in (False, True):
        reindex(tmp_path, index, thorough=thorough)
        reader = MediaDatabaseReader(tmp_path)
        assert reader.sequences(KEY, EVER) == [Span(UtcUs(START_US), UtcUs(START_US + 10_000_000))]
        read: list[AccessUnit] = []
        while (gop := reader.gop_after(KEY, read[-1].utc_us if read else UtcUs(0))) is not None:
            assert gop.config == config
            read += gop.units
        assert read == written
        at = reader.gop_at(KEY, UtcUs(START_US + 5_100_000))
        assert at is not None
        assert at.start <= START_US + 5_100_000 < at.end
        reader.close()
    index.close()
    assert check(tmp_path)["ok"]
    assert len(list(segments_on_disk(tmp_path))) > 1


@pytest.mark.parametrize("config", [XML, GRID])
async def test_other_tools_see_a_data_track(tmp_path: Path, config: CodecConfig) -> None:
    async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, lambda event: None) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for unit in units(config, 20):
            track.write(unit)
        await track.close()
    packets = 0
    for found in segments_on_disk(tmp_path):
        call = ["ffprobe", "-v", "error", "-count_packets", "-show_streams", "-of", "json", str(found.path)]
        (stream,) = json.loads(subprocess.run(call, capture_output=True, check=True, timeout=60).stdout)["streams"]
        assert stream["codec_type"] == "data"
        packets += int(stream["nb_read_packets"])
    assert packets == 20


async def test_a_lone_word_does_not_wait_for_the_next(tmp_path: Path) -> None:
    """A detector that says something once an hour must not lose it to a power cut."""
    reader = MediaDatabaseReader(tmp_path)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, lambda event: None) as writer:
        track = writer.track(KEY)
        track.configure(XML)
        first, second = units(XML, 2)
        track.write(first)
        async with asyncio.timeout(20):
            while reader.gop_at(KEY, first.utc_us) is None:
                await asyncio.sleep(0.05)
        later = AccessUnit(second.data, 90_000 * 60, 90_000 * 60, UtcUs(START_US + 60_000_000), True)
        track.write(later)
        await track.close()
    spans = reader.sequences(KEY, EVER)
    assert [(span.start - START_US) // 1_000_000 for span in spans] == [0, 60]
    assert all(span.end - span.start <= 1_000_000 for span in spans)
    reader.close()


def test_metadata_travels_as_metadata() -> None:
    assert XML.kind is MediaKind.METADATA
    assert kind_of(GRID) is RecordKind.METADATA
    for config in (XML, GRID):
        assert config_of(config_record(config)) == config


class Taken:
    def __init__(self) -> None:
        self.configs: list[CodecConfig] = []
        self.units: list[MediaUnit] = []

    def config(self, config: CodecConfig) -> None:
        self.configs.append(config)

    def unit(self, unit: MediaUnit) -> None:
        self.units.append(unit)


def test_onvif_metadata_is_put_together_from_packets() -> None:
    (media,) = parse_sdp(SDP.replace(b"\n", b"\r\n")).media
    assert is_carried(media)
    assert clock_rate_hz(media) == 90_000
    taken = Taken()
    format_ = depacketizer_for(media, taken)
    assert taken.configs == [XML]
    parts = [(b"<a>", 10, False), (b"</a>", 10, True), (b"<lost>", 20, False), None, (b"</b>", 20, True)]
    for part in [*parts, (b"<c/>", 30, True)]:
        if part is None:
            format_.lost()
        else:
            format_.payload(memoryview(part[0]), 0, len(part[0]), part[1], part[2])
    assert [(unit.data, unit.pts, unit.keyframe) for unit in taken.units] == [
        (b"<a></a>", 10, True),
        (b"<c/>", 30, True),
    ]
