"""Metadata over the media channel: live and recorded, as records of their own kind."""

import asyncio
import tempfile
from pathlib import Path

from common.api.recorder_configuration import RecordedDevice
from common.foundation.clock import SystemClock, UtcUs
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.protocols.media_channel.messages import Subscribe, Subscribed
from common.protocols.media_channel.records import RecordKind, config_of
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import DeviceState
from server.recording.mediadb.contract import Gop, TrackKey
from tests.support.recorder_rig import MICROPHONE, PRIMARY, T0, hardware, recorder_rig, viewing

METADATA = MICROPHONE  # the rig has a live link for it
XML = CodecConfig(Codec.ONVIF_XML, 90_000, b"http://www.onvif.org/ver10/schema")


def said(number: int) -> AccessUnit:
    return AccessUnit(b"<n>%d</n>" % number, number * 9000, number * 9000, UtcUs(T0 + number * 100_000), True)


async def test_metadata_is_watched_and_played_back() -> None:
    with tempfile.TemporaryDirectory(prefix="vrig") as folder:
        async with recorder_rig(Path(folder)) as rig:
            device = RecordedDevice(id=METADATA, name="What it sees")
            rig.devices.replace([hardware(1, microphone=None, metadata=device)])
            rig.reader.tracks[TrackKey(METADATA, PRIMARY)] = [
                Gop(
                    XML,
                    tuple(said(n) for n in range(g * 10, g * 10 + 10)),
                    said(g * 10).utc_us,
                    said(g * 10 + 10).utc_us,
                )
                for g in range(3)
            ]
            async with viewing(rig.uri) as (viewer, connection):
                connection.send(Subscribe(1, METADATA, from_us=T0))
                await viewer.until_units(20)
                assert viewer.said("subscribed")[0] == Subscribed(1, "metadata")
                assert {unit.kind for unit in viewer.units} == {RecordKind.METADATA}
                assert [unit.payload for unit in viewer.units[:20]] == [said(n).data for n in range(20)]
                assert config_of(viewer.media[0]) == XML
                viewer.forget()
                connection.send(Subscribe(2, METADATA))
                rig.bus.publish_tracks([DeviceTrack(METADATA, PRIMARY, XML)])
                rig.bus.publish_state(METADATA, DeviceState("live", SystemClock().now_us()))
                await viewer.until_said("state")
                number = 100
                while not any(unit.sub == 2 for unit in viewer.units):
                    rig.bus.publish(METADATA, PRIMARY, said(number))
                    number += 1
                    await asyncio.sleep(0.02)
                live = [unit for unit in viewer.units if unit.sub == 2]
                assert live[0].kind is RecordKind.METADATA
                assert live[0].payload.startswith(b"<n>1")
