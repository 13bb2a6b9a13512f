"""Keeps exports going: asks how the recorders' jobs are, fetches what is done, and goes on after a restart.

A recorder that is away is asked again; a download that broke off goes on where it ended.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from common.api.exporting import ExportJob, ExportRequest
from common.clients.exports import ExportGone
from common.foundation.clock import SystemClock
from common.foundation.errors import StorageError, VmsError
from common.foundation.ids import new_id
from common.ui.off_thread import run_off_thread
from common.ui.words import sentence, words
from smartclient.exporting.orders import Order, OrderBook, OrderPart
from smartclient.exporting.recorders import ExportDoors

log = logging.getLogger(__name__)

_ASK_MS = 1500
_AT_ONCE = 2
_ENDED = ("failed", "cancelled")


class Held(VmsError):
    """The operator paused or cancelled a download, or the client ends."""

    message_key = "export.cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """What the list shows of an order. `state`: queued, running, fetching, paused, done, failed, cancelled, away."""

    order: Order
    state: str
    percent: float = 0.0
    said: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Fetch:
    """A download that runs; written by its thread, read by the GUI's."""

    done_bytes: int = 0
    total_bytes: int = 0
    stop: bool = False


class ExportKeeper(QObject):
    """All orders of the signed-in user on this computer."""

    changed = Signal()
    ordered = Signal(object)
    """An Order: the recorders have begun."""
    refused = Signal(object)
    """A VmsError: an order could not be given."""

    def __init__(
        self, doors: ExportDoors, book: OrderBook, server: str, user: str, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.doors = doors
        self._book = book
        self._server, self._user = server, user
        self._orders: dict[str, Order] = {}
        self._jobs: dict[str, ExportJob] = {}
        self._gone: set[str] = set()
        self._away: dict[str, str] = {}
        self._wrong: dict[str, str] = {}
        self._fetching: dict[str, _Fetch] = {}
        self._busy: set[str] = set()
        self._write = threading.Lock()
        self._timer = QTimer(self)
        self._timer.setInterval(_ASK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Read what was ordered before, and go on with it."""
        run_off_thread(self, lambda: self._book.of(self._server, self._user), self._read, lambda error: None)

    def stop(self) -> None:
        """End downloads soon; what has arrived stays for the next time."""
        self._timer.stop()
        for fetch in self._fetching.values():
            fetch.stop = True

    def progress(self) -> list[Progress]:
        """All orders, newest first."""
        return [self._progress(order) for order in sorted(self._orders.values(), key=lambda o: -o.created_us)]

    # what the operator does

    def order(self, name: str, folder: Path, requests: Sequence[tuple[str, ExportRequest]]) -> None:
        """Start one job a recorder; all or none. `ordered` or `refused` follows."""

        def create() -> Order:
            folder.mkdir(parents=True, exist_ok=True)
            parts: list[OrderPart] = []
            try:
                for recorder, request in requests:
                    parts.append(OrderPart(recorder=recorder, job=self.doors.create(recorder, request).id))
            except VmsError:
                for part in parts:
                    self._drop(part)
                raise
            return Order(
                id=new_id(),
                name=name,
                folder=str(folder),
                format=requests[0][1].format,
                created_us=SystemClock().now_us(),
                server=self._server,
                user=self._user,
                parts=tuple(parts),
            )

        def checked() -> Order:
            try:
                return create()
            except OSError as failed:
                raise StorageError(failed.strerror or str(failed), path=str(folder)) from failed

        run_off_thread(self, checked, self._ordered, self.refused.emit)

    def pause(self, order_id: str) -> None:
        """Hold the jobs and the download."""
        order = self._orders[order_id]
        fetch = self._fetching.get(order_id)
        if fetch is not None:
            fetch.stop = True
        self._put(order.model_copy(update={"held": True}))
        self._control(order, "pause", ("queued", "running"))

    def resume(self, order_id: str) -> None:
        """Go on, also after a failure."""
        order = self._orders[order_id]
        self._wrong.pop(order_id, None)
        self._put(order.model_copy(update={"held": False}))
        self._control(order, "resume", ("paused", "failed"))
        self._tick()

    def cancel(self, order_id: str) -> None:
        """Stop it, take it off the list, and let the recorders forget it. What was fetched whole stays."""
        order = self._orders.pop(order_id)
        fetch = self._fetching.get(order_id)
        if fetch is not None:
            fetch.stop = True
        self._save()

        def drop() -> None:
            for part in order.parts:
                self._drop(part)

        run_off_thread(self, drop, lambda _: None, lambda error: None)
        self.changed.emit()

    def _drop(self, part: OrderPart) -> None:  # worker thread
        """Let a recorder forget a job; when it is away, the job expires there by itself."""
        for action in ("cancel", "remove"):
            try:
                self.doors.control(part.recorder, part.job, action)
            except VmsError as error:
                log.info("export not dropped", extra={"job": part.job, "cause": str(error)})

    # keeping it going

    def _read(self, orders: list[Order]) -> None:
        for order in orders:
            self._orders.setdefault(order.id, order)
        self._timer.start()
        self.changed.emit()
        self._tick()

    def _ordered(self, order: Order) -> None:
        self._put(order)
        self._timer.start()
        self._tick()
        self.ordered.emit(order)

    def _put(self, order: Order) -> None:
        self._orders[order.id] = order
        self._save()
        self.changed.emit()

    def _save(self) -> None:
        orders = list(self._orders.values())

        def write() -> None:
            with self._write:
                self._book.put(self._server, self._user, orders)

        run_off_thread(self, write, lambda _: None, self._not_saved)

    def _not_saved(self, error: VmsError) -> None:
        log.warning("list of exports not saved", extra={"cause": str(error)})

    def _tick(self) -> None:
        open_orders = [order for order in self._orders.values() if not order.fetched]
        for recorder in {part.recorder for order in open_orders for part in order.parts if not part.fetched}:
            self._ask(recorder)
        for order in open_orders:
            self._fetch_when_done(order)
        if self._fetching:
            self.changed.emit()

    def _ask(self, recorder: str) -> None:
        if recorder in self._busy:
            return
        self._busy.add(recorder)

        def answered(jobs: list[ExportJob]) -> None:
            self._busy.discard(recorder)
            self._away.pop(recorder, None)
            known = {job.id: job for job in jobs}
            self._jobs.update(known)
            ours = {p.job for o in self._orders.values() for p in o.parts if p.recorder == recorder and not p.fetched}
            self._gone = (self._gone - known.keys()) | (ours - known.keys())
            self._jobs = {job: state for job, state in self._jobs.items() if job in known or job not in self._gone}
            self.changed.emit()

        def failed(error: VmsError) -> None:
            self._busy.discard(recorder)
            self._away[recorder] = sentence(error)
            self.changed.emit()

        run_off_thread(self, lambda: self.doors.known(recorder), answered, failed)

    def _fetch_when_done(self, order: Order) -> None:
        if order.held or order.id in self._fetching or order.id in self._wrong or len(self._fetching) >= _AT_ONCE:
            return
        if not all(part.fetched or self._state(part) == "done" for part in order.parts):
            return
        fetch = self._fetching[order.id] = _Fetch()
        parts = [part for part in order.parts if not part.fetched]

        def download() -> Order:
            return self._download(order, parts, fetch)

        def done(fetched: Order) -> None:
            self._fetching.pop(order.id, None)
            if order.id in self._orders:
                self._put(fetched)

        def failed(error: VmsError) -> None:
            self._fetching.pop(order.id, None)
            if not isinstance(error, Held):
                self._wrong[order.id] = sentence(error)
            self.changed.emit()

        run_off_thread(self, download, done, failed)

    def _download(self, order: Order, parts: Sequence[OrderPart], fetch: _Fetch) -> Order:  # worker thread
        whole = [(part, self.doors.downloads(part.recorder).job(part.job)) for part in parts]
        fetch.total_bytes = sum(file.size_bytes for _, job in whole for file in job.files)
        before = 0

        def told(done_bytes: int, _total: int) -> None:
            fetch.done_bytes = before + done_bytes
            if fetch.stop:
                raise Held("stopped by the operator")

        several = len(order.parts) > 1
        for part, job in whole:
            place = order.parts.index(part) + 1
            folder = Path(order.folder) / words("exporting.part", number=place) if several else Path(order.folder)
            for file in job.files:
                self.doors.downloads(part.recorder).fetch(job.id, file, folder, told)
                before += file.size_bytes
                told(0, 0)
        fetched = tuple(part.model_copy(update={"fetched": True}) for part in order.parts)
        return order.model_copy(update={"parts": fetched})

    def _control(self, order: Order, action: str, states: tuple[str, ...]) -> None:
        parts = [part for part in order.parts if self._state(part) in states]

        def control() -> list[ExportJob]:
            return [self.doors.control(part.recorder, part.job, action) for part in parts]  # type: ignore[arg-type]  # literals

        def answered(jobs: list[ExportJob]) -> None:
            self._jobs.update({job.id: job for job in jobs})
            self.changed.emit()

        def failed(error: VmsError) -> None:
            self._wrong[order.id] = sentence(error)
            self.changed.emit()

        run_off_thread(self, control, answered, failed)

    # what is shown

    def _state(self, part: OrderPart) -> str:
        job = self._jobs.get(part.job)
        return "unknown" if job is None else job.state

    def _progress(self, order: Order) -> Progress:
        if order.fetched:
            notes = tuple(note for part in order.parts if (job := self._jobs.get(part.job)) for note in job.notes)
            return Progress(order, "done", 100.0, notes=notes)
        if order.id in self._wrong:
            return Progress(order, "failed", said=self._wrong[order.id])
        fetch = self._fetching.get(order.id)
        if fetch is not None and not fetch.stop:
            share = fetch.done_bytes / fetch.total_bytes if fetch.total_bytes else 0.0
            return Progress(order, "fetching", 100.0 * share)
        jobs = [self._jobs[part.job] for part in order.parts if part.job in self._jobs]
        percent = sum(job.percent for job in jobs) / len(order.parts)
        for job in jobs:
            if job.state in _ENDED:
                return Progress(order, job.state, percent, job.error)
        if any(part.job in self._gone for part in order.parts if not part.fetched):
            return Progress(order, "failed", percent, sentence(ExportGone("not known any more")))
        away = next((self._away[part.recorder] for part in order.parts if part.recorder in self._away), "")
        if away:
            return Progress(order, "away", percent, away)
        if order.held:
            return Progress(order, "paused", percent)
        running = any(job.state == "running" for job in jobs)
        return Progress(order, "running" if running else "queued", percent)
