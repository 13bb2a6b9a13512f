"""An engine process without cameras: sends counted pictures for each enabled camera over the real relay."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from common.foundation.clock import SystemClock
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import AccessUnitBus, DeviceState
from server.recording.relay.engine_side import serve_relay

CONFIG = CodecConfig(Codec.H264, 90_000, b"avcC", 64, 48)


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _publish(bus: AccessUnitBus, cameras: set[str]) -> None:
    number = 0
    while True:
        now_us = SystemClock().now_us()
        for camera in tuple(cameras):
            data = number.to_bytes(4, "big") + b"\0" * 100
            bus.publish(camera, PRIMARY, AccessUnit(data, number * 3600, number * 3600, now_us, number % 10 == 0))  # type: ignore[arg-type]
        number += 1
        await asyncio.sleep(0.02)


async def _say_alive() -> None:
    while True:
        print(json.dumps({"event": "alive", "level": "debug"}), flush=True)
        await asyncio.sleep(2)


async def main(socket: Path) -> None:
    bus, cameras, reader = AccessUnitBus(), set[str](), await _lines()
    async with serve_relay(socket, bus), asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(_publish(bus, cameras)), tasks.create_task(_say_alive())]
        while line := await reader.readline():
            wanted = json.loads(line)
            print(json.dumps({"event": "assigned", "hardware": len(wanted["hardware"])}), flush=True)
            cameras.clear()
            for item in wanted["hardware"]:
                device = item["camera"]["id"]
                bus.publish_tracks([DeviceTrack(device, PRIMARY, CONFIG)])
                bus.publish_state(device, DeviceState("live", SystemClock().now_us()))
                cameras.add(device)
        for task in background:
            task.cancel()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    for name in ("--root", "--socket", "--data"):
        arguments.add_argument(name, type=Path)
    asyncio.run(main(arguments.parse_args().socket))
