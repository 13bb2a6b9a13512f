"""A TCP proxy that can cut its connections, refuse new ones, or swallow what passes: a network that fails."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutProxy:
    """Leads from `port` to `target`, a port of `host`; 0 is the port of the same number."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._target = (host, target or self.port)
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._refusing = False
        self._passing = threading.Event()
        self._passing.set()
        self._accepting = threading.Thread(target=self._accept, name="proxy")
        self._accepting.start()

    def cut(self) -> None:
        """Break off every connection; new ones are led on."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def refuse(self, on: bool) -> None:
        """Break off every connection and every new one, or no more."""
        self._refusing = on
        self.cut()

    def silence(self, on: bool) -> None:
        """Let nothing through any more, without a word to either side, as when a cable is pulled; or go on."""
        self._passing.clear() if on else self._passing.set()

    def close(self) -> None:
        self._passing.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                thread = threading.Thread(target=self._copy, args=(source, sink), name="proxy copy")
                self._threads.append(thread)
                thread.start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._passing.wait()
                sink.sendall(data)
        self._passing.wait()  # nor does an end get through
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def cut_proxy(target: int, host: str = "127.0.0.1") -> Iterator[CutProxy]:
    proxy = CutProxy(target, host)
    try:
        yield proxy
    finally:
        proxy.close()
