"""An engine: one process that reads cameras, records them and serves their live pictures to the gateway.

`python -m server.recording.engine --root DIR --socket PATH --data DIR`. Each line of standard input is a whole
assignment as JSON: `{"hardware": [RecordedHardware...], "storages": [RecordedStorage...], "retain_minutes": ...,
"manual": [device ids]}`; the difference to the one before is applied. Standard output is JSON lines of events. The end
of the input, or SIGTERM, ends the engine once its open segments are sealed; an input that ends without a line `"stop"`
before means that the gateway died.
"""

import argparse
import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import uvloop
from pydantic import ValidationError

from common.foundation.clock import SystemClock
from common.foundation.logs import logging_to
from server.recording.drivers.opening import driver_for
from server.recording.drivers.paced_reader import PacedReader
from server.recording.engine.events import STOP_LINE, EventWriter, StateEvents, keep_saying_alive
from server.recording.engine.hardware import Assignment, Engine
from server.recording.ingest.bus import AccessUnitBus
from server.recording.ledger.keeper import LedgerKeeper, keeping
from server.recording.ledger.watching import RecordingLedger, keep_beating
from server.recording.mediadb.settings import WriterSettings
from server.recording.relay.engine_side import serve_relay
from server.recording.storages.events import AnyStorageEvent, OwnEvent
from server.recording.storages.reading import StoragesReader
from server.recording.storages.writers import StorageWriters

_MOST_LINE_BYTES = 16 << 20


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_MOST_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _follow(engine: Engine, events: EventWriter) -> bool:
    """Apply each line of standard input, until it ends; return whether that was announced by a line `"stop"`."""
    reader = await _standard_input()
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            events.event("assignment_refused", "error", reason="a line is longer than 16 MiB")
            return False
        if not line or line == STOP_LINE:
            return bool(line)
        try:
            wanted = Assignment.model_validate_json(line)
        except ValidationError as error:
            found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
            events.event("assignment_refused", "error", reason="; ".join(found[:5]))
            continue
        await engine.apply(wanted)
        events.event("assigned", hardware=len(wanted.hardware))


async def run(arguments: argparse.Namespace, root: Path, data: Path, events: EventWriter) -> None:
    """Run until standard input ends or SIGTERM comes."""
    clock, bus = SystemClock(), AccessUnitBus()
    settings = WriterSettings(
        segment_s=arguments.segment_s,
        segment_bytes=arguments.segment_mb << 20,
        sync_interval_s=arguments.sync_s,
        writer_threads=arguments.writer_threads,
        min_free_bytes=arguments.min_free_mb << 20,
        short_free_bytes=arguments.short_free_mb << 20,
        reserve_bytes=arguments.reserve_mb << 20,
    )
    states = StateEvents(events)
    bus.subscribe(states, units=False)
    keeper = LedgerKeeper(data, clock)

    def storage_event(event: AnyStorageEvent) -> None:
        if not isinstance(event, OwnEvent):
            ledger.storage(event)
        events.storage(event)

    storages = StorageWriters(root, data, clock, settings, storage_event)
    ledger = RecordingLedger(keeper, lambda device: storages.folder_of(device.id))
    bus.subscribe(ledger, units=False)
    reader = StoragesReader(root)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with (
            keeping(keeper),
            storages,
            serve_relay(Path(arguments.socket), bus),
            PacedReader() as paced,
            asyncio.TaskGroup() as tasks,
        ):
            drivers = partial(driver_for, paced=paced)
            engine = Engine(storages, reader, bus, clock, tasks, drivers=drivers, ledger=ledger)
            background = [
                tasks.create_task(keep_saying_alive(events, states, clock), name="alive"),
                tasks.create_task(keep_beating(keeper, clock), name="ledger"),
                tasks.create_task(storages.run(), name="storages"),
                tasks.create_task(stop.wait(), name="stop"),
            ]
            follow = tasks.create_task(_follow(engine, events), name="assignments")
            events.event("ready", socket=arguments.socket, root=str(root), pid=os.getpid())
            await asyncio.wait((follow, background[-1]), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set() or (follow.done() and not follow.exception() and follow.result()):
                keeper.end()
            for task in (follow, *background):
                task.cancel()
            await engine.stop()
    finally:
        reader.close()
    events.event("stopped")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m server.recording.engine", description=__doc__)
    parser.add_argument("--root", required=True, help="folder for recordings")
    parser.add_argument("--socket", required=True, help="Unix socket for live pictures, made here")
    parser.add_argument("--data", required=True, help="the recorder's data folder")
    parser.add_argument("--segment-s", type=float, default=300.0, help="length of a recording file in seconds")
    parser.add_argument("--segment-mb", type=int, default=64, help="size of a recording file in MiB")
    parser.add_argument("--sync-s", type=float, default=5.0, help="seconds between forcing recordings to disk")
    parser.add_argument("--writer-threads", type=int, default=2)
    parser.add_argument("--min-free-mb", type=int, default=5 << 10, help="free space kept by archiving or deleting")
    parser.add_argument("--short-free-mb", type=int, default=1 << 10, help="free space kept by deleting at any rate")
    parser.add_argument("--reserve-mb", type=int, default=250, help="free space that is never written to")
    arguments = parser.parse_args()
    with logging_to("recording-engine", None):
        uvloop.run(run(arguments, Path(arguments.root).absolute(), Path(arguments.data), EventWriter()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
