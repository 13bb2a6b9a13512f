"""One decoder process as the GUI sees it: started, spoken to, restarted when it dies, gone when the GUI goes."""

import contextlib
import logging
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from common.foundation.backoff import Backoff
from common.foundation.errors import ProtocolError
from smartclient.video import control

log = logging.getLogger(__name__)

_MOST_UNSENT = 2000
_HANGS_AFTER_S = 20.0
_STEADY_AFTER_S = 30.0
_GOODBYE_S = 2.0


class WorkerProcess(QObject):
    """Runs `python -m smartclient.video.worker`. `started` is emitted each time it is ready for messages."""

    started = Signal()
    died = Signal()
    said = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._lines = control.Lines()
        self._unsent: deque[tuple[bytes, int | None]] = deque()
        self._reader: QSocketNotifier | None = None
        self._writer: QSocketNotifier | None = None
        self._retry = Backoff(0.2, 10.0)
        self._heard_s = 0.0
        self._started_s = 0.0
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self.start)
        self._watch = QTimer(self)
        self._watch.setInterval(2000)
        self._watch.timeout.connect(self._check)

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; it says `started` when it is ready."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "smartclient.video.worker", "--control-fd", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._socket = ours
        self._lines = control.Lines()
        self._started_s = self._heard_s = time.monotonic()
        self._reader = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read, self)
        self._reader.activated.connect(self._read)
        self._writer = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Write, self)
        self._writer.setEnabled(False)
        self._writer.activated.connect(self._flush)
        self._watch.start()
        log.info("decoder process started", extra={"pid": self._process.pid})

    def send(self, message: control.ToWorker, descriptor: int | None = None) -> None:
        """Send a message, with a duplicate of a memory's descriptor. Silently nothing while no process runs: what is
        open is opened again when it has started."""
        if self._socket is None:
            return
        if len(self._unsent) >= _MOST_UNSENT:
            log.error("decoder process takes no messages")
            self._kill()
            return
        duplicate = None if descriptor is None else socket.dup(descriptor)
        self._unsent.append((control.encode(message), duplicate))
        self._flush()

    def close(self) -> None:
        """End the process: it stops when the socket closes, and is killed when it does not."""
        self._again.stop()
        self._watch.stop()
        process = self._process
        self._hang_up()
        if process is not None:
            try:
                process.wait(_GOODBYE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._process = None

    def _flush(self) -> None:
        while self._unsent and self._socket is not None:
            data, descriptor = self._unsent[0]
            try:
                if descriptor is None:
                    sent = self._socket.send(data)
                else:
                    sent = socket.send_fds(self._socket, [data], [descriptor])
            except BlockingIOError:
                break
            except OSError:
                self._lost()
                return
            if descriptor is not None:
                socket.close(descriptor)
            if sent == len(data):
                self._unsent.popleft()
            else:
                self._unsent[0] = (data[sent:], None)
        if self._writer is not None:
            self._writer.setEnabled(bool(self._unsent))

    def _read(self) -> None:
        messages: list[Any] = []
        try:
            assert self._socket is not None
            data = self._socket.recv(1 << 20)
            if not data:
                self._lost()
                return
            messages = self._lines.feed(data)
        except BlockingIOError:
            return
        except (OSError, ProtocolError) as error:
            log.warning("decoder process lost", extra={"cause": str(error)})
            self._lost()
            return
        self._heard_s = time.monotonic()
        for message in messages:
            if isinstance(message, control.Ready):
                self.started.emit()
            elif not isinstance(message, control.Alive):
                self.said.emit(message)

    def _check(self) -> None:
        if time.monotonic() - self._started_s > _STEADY_AFTER_S:
            self._retry.succeeded()
        if self._process is not None and time.monotonic() - self._heard_s > _HANGS_AFTER_S:
            log.error("decoder process hangs", extra={"pid": self._process.pid})
            self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._lost()

    def _lost(self) -> None:
        """It died: tell, and start another one soon."""
        process = self._process
        self._hang_up()
        self._process = None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GOODBYE_S)
            log.error("decoder process died", extra={"pid": process.pid, "code": process.returncode})
            self.died.emit()
            self._again.start(round(self._retry.next_s() * 1000))

    def _hang_up(self) -> None:
        for notifier in (self._reader, self._writer):
            if notifier is not None:
                notifier.setEnabled(False)
                notifier.deleteLater()
        self._reader = self._writer = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for _, descriptor in self._unsent:
            if descriptor is not None:
                socket.close(descriptor)
        self._unsent.clear()
