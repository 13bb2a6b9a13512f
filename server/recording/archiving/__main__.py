"""The recorder's background jobs, in a process that gives way: `python -m server.recording.archiving --data DIR`.

Each line of standard input is an `Order` as JSON: a whole plan, or a job to run or cancel. Standard output is JSON
lines of events; `archiving_status` comes every two seconds. The end of the input, or SIGTERM, ends the process; what it
was doing goes on when it is started again.
"""

import argparse
import os
import select
import signal
import sys
from contextlib import closing
from pathlib import Path

from pydantic import ValidationError

from common.foundation.clock import Clock, SystemClock
from common.foundation.errors import StorageError
from common.foundation.logs import logging_to
from server.recording.archiving.building import Workshop
from server.recording.archiving.events import ArchivingEvent, as_line
from server.recording.archiving.job_store import STORE, JobStore
from server.recording.archiving.jobs import JobRunner
from server.recording.archiving.pacing import be_nice
from server.recording.archiving.plan import ArchivingPlan, Order
from server.recording.archiving.status import shown
from server.recording.engine.events import EventWriter
from server.recording.mediadb.locks import LockBook
from server.recording.mediadb.repair import exclusively

_MOST_LINE_BYTES = 16 << 20
_TICK_S = 0.25
_STATUS_EVERY_S = 2.0


class _Lines:
    """Standard input cut into lines, without ever blocking for more than a moment."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pending = bytearray()
        self.ended = False

    def wait(self, timeout_s: float) -> list[bytes]:
        """The lines that came within the time; `ended` is set when there will be no more."""
        if self.ended or not select.select([self._fd], [], [], timeout_s)[0]:
            return []
        data = os.read(self._fd, 1 << 20)
        self.ended = not data
        self._pending += data
        if len(self._pending) > _MOST_LINE_BYTES:
            raise StorageError("an order is longer than 16 MiB", path="standard input")
        *lines, rest = bytes(self._pending).split(b"\n")
        self._pending = bytearray(rest)
        return lines


class Archiving:
    """Follows orders; owns the jobs and what they work on."""

    def __init__(self, data: Path, store: JobStore, clock: Clock, events: EventWriter) -> None:
        self._data = data
        self._store = store
        self._clock = clock
        self._events = events
        self._runner = JobRunner(store, clock, self.report)
        self._plan: ArchivingPlan | None = None
        self._workshop: Workshop | None = None

    def report(self, event: ArchivingEvent) -> None:
        name, level, fields = as_line(event)
        self._events.event(name, level, **fields)

    def follow(self, line: bytes) -> None:
        """Do what one line of input says."""
        try:
            order = Order.model_validate_json(line)
        except ValidationError as error:
            found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
            self._events.event("order_refused", "error", reason="; ".join(found[:5]))
            return
        if order.plan is not None and order.plan != self._plan:
            self._replace(order.plan)
        if order.run and not self._runner.run_now(order.run):
            self._events.event("order_refused", "error", reason="there is no such job", job=order.run)
        if order.cancel and not self._runner.cancel(order.cancel):
            self._events.event("order_refused", "error", reason="there is no such job", job=order.cancel)

    def _replace(self, plan: ArchivingPlan) -> None:
        roots = [planned.root for planned in plan.storages]
        book = LockBook((self._data, *roots), self._clock.now_us)
        workshop = Workshop(
            plan, self._data, self._store, self._clock, locked=book.locked, gate=book.deleting, report=self.report
        )
        self._runner.replace(workshop.jobs())
        if self._workshop is not None:
            self._workshop.close()
        self._plan, self._workshop = plan, workshop
        self._events.event("planned", storages=len(plan.storages))

    def tick(self) -> None:
        self._runner.tick()

    def tell(self) -> None:
        """Say how all jobs stand. This is also how the gateway sees that the process is alive."""
        self._events.event("archiving_status", "debug", jobs=[shown(status) for status in self._runner.status()])

    def close(self) -> None:
        self._runner.close()
        if self._workshop is not None:
            self._workshop.close()


def run(data: Path, events: EventWriter) -> None:
    """Follow standard input until it ends or SIGTERM comes."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stopping.append(got))
    clock, lines = SystemClock(), _Lines(sys.stdin.fileno())
    data.mkdir(parents=True, exist_ok=True)
    waiting: list[bytes] = []
    tell_at_s = clock.monotonic_s()
    # One that a killed gateway left behind ends with its input; until then two would do the same work.
    while not stopping and not lines.ended:
        with exclusively(data, "archiving") as ours:
            if not ours:
                waiting += lines.wait(_TICK_S)
                events.event("archiving_status", "debug", jobs=[])
                continue
            with closing(JobStore(data / STORE)) as store:
                archiving = Archiving(data, store, clock, events)
                try:
                    events.event("ready", pid=os.getpid())
                    while not stopping and not lines.ended:
                        for line in (*waiting, *lines.wait(_TICK_S)):
                            archiving.follow(line)
                        waiting = []
                        archiving.tick()
                        if clock.monotonic_s() >= tell_at_s:
                            tell_at_s = clock.monotonic_s() + _STATUS_EVERY_S
                            archiving.tell()
                finally:
                    archiving.close()
    events.event("stopped")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m server.recording.archiving", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="the recorder's data folder")
    arguments = parser.parse_args()
    be_nice()  # before any thread begins
    with logging_to("recording-archiving", None):
        run(arguments.data, EventWriter())
    return 0


if __name__ == "__main__":
    sys.exit(main())
