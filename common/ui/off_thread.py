"""One-off requests (network, disk) away from the GUI thread, with the answer delivered back in it."""

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

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


@dataclass(slots=True)
class _Request:
    """What is asked for and who waits for it. Only the GUI thread may drop it: with it may go the last reference to a
    widget, and Qt's widgets must not be destroyed in another thread."""

    owner: QObject
    fn: Callable[[], object]
    done: Callable[[Any], None]
    failed: Callable[[VmsError], None]
    job: Job


class _Desk(QObject):
    """Lives in the GUI thread and outlives every owner, so that a worker never signals a deleted object."""

    _arrived = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(MOST_THREADS)
        self._pool.setExpiryTimeout(2_000)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._requests: dict[int, _Request] = {}  # GUI thread, but for a look by a worker; at most MOST_WAITING
        self._answers: deque[tuple[int, object]] = deque()  # bounded likewise: one answer a request
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self, request: _Request) -> bool:
        """Have a request done in the pool; False when too many wait already."""
        if len(self._requests) >= MOST_WAITING:
            return False
        number = next(self._numbers)
        self._requests[number] = request
        self._pool.start(partial(self._work, number))
        return True

    def _work(self, number: int) -> None:  # worker thread
        answer = self._outcome(number)  # nothing of the request is held here any more when its answer is there
        with self._lock:
            self._answers.append((number, answer))
        del answer
        self._arrived.emit()

    def _outcome(self, number: int) -> object:  # worker thread
        try:
            return self._requests[number].fn()
        except VmsError as error:
            return error
        except Exception as error:  # the last one who can log a bug of a worker thread
            log.exception("request off the GUI thread broke")
            return VmsError(f"{type(error).__name__}: {error}")

    @Slot()
    def _deliver(self) -> None:
        while True:
            with self._lock:
                if not self._answers:
                    return
                number, answer = self._answers.popleft()
            request = self._requests.pop(number)
            if request.job.cancelled or not shiboken6.isValid(request.owner):
                continue
            if isinstance(answer, VmsError):
                request.failed(answer)
            else:
                request.done(answer)

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
    if not _desk[0].run(_Request(owner, fn, done, failed, job)):
        failed(TooBusy("too many requests wait for an answer", waiting=MOST_WAITING))
    return job


def wait_for_jobs(timeout_ms: int = 10_000) -> bool:
    """Wait at exit until no worker thread runs; False when some still do after `timeout_ms`."""
    return not _desk or _desk[0].wait(timeout_ms)
