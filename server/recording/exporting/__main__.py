"""One export, in a process of its own: `python -m server.recording.exporting`, told what to do on its standard input.

A process, because coding pictures takes a core, strange recordings may crash a decoder, and the system can be told to
put its reading and writing behind everybody else's.
"""

import contextlib
import fcntl
import os
import sys
import threading
import time
from pathlib import Path

import psutil
from pydantic import ValidationError

from common.api.exporting import ExportFile
from common.foundation.catalog import explain
from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from server.recording.exporting.copying import PART
from server.recording.exporting.errors import ExportCancelled
from server.recording.exporting.maker import make, recorded_bytes
from server.recording.exporting.order import FinishedFilm, Said, WorkOrder
from server.recording.exporting.package import Origin
from server.recording.exporting.product import product_name
from server.recording.exporting.sources import opened_reasons, opened_recordings
from server.recording.exporting.work import Work
from server.recording.proof.signing import public_keys, signing_key

_TELL_EVERY_S = 0.25
_NICE = 10
_IO_PRIORITY = 7  # the last of the best-effort class: behind recording, but never starved
_lock = threading.Lock()


def tell(line: Said) -> None:
    """Write a line to the gateway; when it has gone there is nobody to tell, and `Steering` ends the work."""
    with _lock, contextlib.suppress(BrokenPipeError, ValueError):
        sys.stdout.write(line.model_dump_json(exclude_defaults=True) + "\n")
        sys.stdout.flush()


class Steering:
    """Progress of an export that the gateway may hold or end. Its own thread reads what the gateway says."""

    def __init__(self, done_bytes: int, total_bytes: int) -> None:
        self._go = threading.Event()
        self._go.set()
        self._ended = threading.Event()
        self._told_s = 0.0
        self.done_bytes = done_bytes
        self.total_bytes = total_bytes
        threading.Thread(target=self._listen, name="steering", daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "pause":
                self._go.clear()
            elif line.strip() == "resume":
                self._go.set()
        self._ended.set()
        self._go.set()

    def step(self, done_bytes: int) -> None:
        self.done_bytes += done_bytes
        self._go.wait()
        if self._ended.is_set():
            raise ExportCancelled("the recorder ended it")
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            phase = "write" if done_bytes else "verify"
            tell(Said(said="progress", done_bytes=self.done_bytes, total_bytes=self.total_bytes, phase=phase))


class _ToldWork(Work):
    """Tells the gateway of each finished film."""

    __slots__ = ()

    def film_done(self, film: str, files: list[ExportFile]) -> None:
        steering = self.progress
        assert isinstance(steering, Steering)
        finished = FinishedFilm(name=film, files=tuple(files), done_bytes=steering.done_bytes)
        tell(Said(said="film", film=finished))


def export(order: WorkOrder) -> None:
    """Do the work and say how it went."""
    folder = Path(order.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder.parent / ".lock").open("w") as lock,
        opened_recordings(Path(order.data), Path(order.recordings), order.storages) as reader,
        opened_reasons(Path(order.data), reader) as reasons,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # one that was left by a gateway that died may be at its last step
        for left in folder.rglob(f"*{PART}"):
            left.unlink()
        total = sum(recorded_bytes(reader, item) for item in order.request.items)
        done_before = max((film.done_bytes for film in order.finished), default=0)
        steering = Steering(done_before, total)
        work = _ToldWork(reader, order.request, folder, steering)
        work.files += [file for film in order.finished for file in film.files]
        origin = Origin(
            order.recorder,
            order.recorder_name,
            product_name(),
            order.user,
            order.user_id,
            UtcUs(order.created_us),
            signing_key(Path(order.data)),
            tuple(public_keys(Path(order.data))),
        )
        make(work, origin, reasons, done=frozenset(film.name for film in order.finished))
    notes, gaps = tuple(work.notes), tuple(work.gaps)
    tell(Said(said="done", done_bytes=total, total_bytes=total, files=tuple(work.files), notes=notes, gaps=gaps))


def main() -> int:
    """Run one export; 0 when its end was told, whatever it was."""
    os.nice(_NICE)
    with contextlib.suppress(psutil.Error, OSError, AttributeError):  # not every system knows it
        psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, _IO_PRIORITY)
    try:
        order = WorkOrder.model_validate_json(sys.stdin.readline())
    except ValidationError as wrong:
        sys.stderr.write(f"no order: {wrong.error_count()} faults\n")
        return 2
    try:
        export(order)
    except ExportCancelled:
        return 0
    except VmsError as failed:
        tell(Said(said="failed", error=explain(failed), retryable=failed.retryable))
    except OSError as failed:
        where = f" ({failed.filename})" if failed.filename else ""
        tell(Said(said="failed", error=f"The export failed: {failed.strerror or failed}{where}.", retryable=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
