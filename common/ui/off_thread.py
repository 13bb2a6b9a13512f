"""One-off requests (network, disk) away from the GUI thread, with the answer delivered back in it."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, QThreadPool, Signal, Slot

from common.foundation.errors import VmsError

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_THREADS = 6
MOST_WAITING = 256


class TooBusy(VmsError):
    """So many requests wait for an answer that one more would only make it worse."""

    message_key = "error.client_too_busy"
    retryable = True


class Job:
    """A request on its way. A cancelled one runs to its end, but nobody hears of it."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        """Do not deliver the answer. Call it from the GUI thread."""
        self.cancelled = True


class _Desk(QObject):
    """Lives in the GUI thread and outlives every owner, so that a worker never signals a deleted object."""

    _arrived = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(MOST_THREADS)
        self._pool.setExpiryTimeout(2_000)
        self._lock = threading.Lock()
        self._answers: deque[Callable[[], None]] = deque()  # bounded by MOST_WAITING: one answer a request
        self._open = 0
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[], Callable[[], None]]) -> bool:
        """Run `work` in the pool and its result in the GUI thread; False when too many wait already."""
        with self._lock:
            if self._open >= MOST_WAITING:
                return False
            self._open += 1
        self._pool.start(lambda: self._answer(work()))
        return True

    def _answer(self, deliver: Callable[[], None]) -> None:  # worker thread
        with self._lock:
            self._answers.append(deliver)
        self._arrived.emit()

    @Slot()
    def _deliver(self) -> None:
        while True:
            with self._lock:
                if not self._answers:
                    return
                deliver = self._answers.popleft()
                self._open -= 1
            deliver()

    def wait(self, timeout_ms: int) -> bool:
        return self._pool.waitForDone(timeout_ms)


_desk: list[_Desk] = []


def run_off_thread(
    owner: QObject, fn: Callable[[], T], done: Callable[[T], None], failed: Callable[[VmsError], None]
) -> Job:
    """Run `fn` in the clients' thread pool, then `done(value)` or `failed(error)` in the GUI thread.

    Neither is called when `owner` was deleted or the job cancelled meanwhile. `fn` must not touch widgets and should
    end by itself (give it a time limit). An error that is no VmsError is a bug: it is logged with its trace and arrives
    as one. Call this from the GUI thread.
    """
    if not _desk:
        _desk.append(_Desk())
    job = Job()

    def alive() -> bool:
        return not job.cancelled and shiboken6.isValid(owner)

    def work() -> Callable[[], None]:
        try:
            value = fn()
        except VmsError as error:
            refused = error
        except Exception as error:  # the last one who can log a bug of a worker thread
            log.exception("request off the GUI thread broke")
            refused = VmsError(f"{type(error).__name__}: {error}")
        else:
            return lambda: done(value) if alive() else None
        return lambda: failed(refused) if alive() else None

    if not _desk[0].run(work):
        failed(TooBusy("too many requests wait for an answer", waiting=MOST_WAITING))
    return job


def wait_for_jobs(timeout_ms: int = 10_000) -> bool:
    """Wait at exit until no worker thread runs; False when some still do after `timeout_ms`."""
    return not _desk or _desk[0].wait(timeout_ms)
