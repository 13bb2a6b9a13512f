"""A peer for SQL Server's driver: speaks TDS 7.4 (MS-TDS) as far as connecting and batches go, and knows no SQL.

It answers what it was told to by pattern: rows, an error, nothing at all, or a cut connection. It checks the login and
notes every statement.
"""

import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PRELOGIN, LOGIN7, BATCH, ATTENTION, REPLY = 0x12, 0x10, 0x01, 0x06, 0x04
USER, PASSWORD = "vedette", "pass wörd"

Cell = str | int | None


@dataclass(frozen=True)
class Rows:
    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Refused:
    number: int
    text: str
    severity: int = 16


class Silence:
    """No answer, until the client gives up."""


class Cut:
    """The connection ends."""


Answer = Rows | Refused | Silence | Cut

_FIRST_QUESTIONS: tuple[tuple[str, Answer], ...] = (
    (r"@@version", Rows(("v",), (("Microsoft SQL Server 2022 - 16.0.1000.6 (X64)",),))),
    (r"sys\.system_views", Rows(("name",), (("dm_exec_sessions",),))),
    (r"transaction_isolation_level", Rows(("level",), (("READ COMMITTED",),))),
    (r"schema_name\(\)", Rows(("schema",), (("dbo",),))),
    (r"AS NVARCHAR\(max\)", Rows(("text",), (("test max support",),))),
    (r"fn_listextendedproperty", Rows(("found",), ((1,),))),
)
"""What SQLAlchemy asks of a server that it does not know yet."""


@dataclass
class TdsServer:
    port: int
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    logins: list[dict[str, str]] = field(default_factory=list)
    password: str = PASSWORD
    tls: ssl.SSLContext | None = None

    def answer_to(self, statement: str) -> Answer | None:
        for pattern, answer in (*self.answers, *_FIRST_QUESTIONS):
            if re.search(pattern, statement, re.IGNORECASE):
                return answer
        return None


@contextmanager
def tds_server() -> Iterator[TdsServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = TdsServer(listening.getsockname()[1])
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            thread = threading.Thread(target=_serve, args=(server, connection), name="tds connection")
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, name="tds server")
    accepting.start()
    try:
        yield server
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


class _TlsLine:
    """TLS inside TDS: the handshake travels in PRELOGIN packets, everything after it in the open (MS-TDS, 2.2.6.5)."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            if data := self._outgoing.read():
                _send(connection, data, PRELOGIN)
            if done:
                return
            self._incoming.write(_receive(connection)[1])

    def recv(self, most: int) -> bytes:
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                data = self._connection.recv(65_536)
                if not data:
                    return b""
                self._incoming.write(data)

    def sendall(self, data: bytes) -> None:
        self._tls.write(data)
        self._connection.sendall(self._outgoing.read())


Line = socket.socket | _TlsLine


def _serve(server: TdsServer, plain: socket.socket) -> None:
    connection: Line = plain
    with plain, suppress(OSError, EOFError):
        while True:
            kind, message = _receive(connection)
            if kind == PRELOGIN:
                _send(connection, _prelogin(3 if server.tls is not None else 2))
                if server.tls is not None:
                    connection = _TlsLine(plain, server.tls)
            elif kind == LOGIN7:
                login = _login(message)
                server.logins.append(login)
                if (login["user"], login["password"]) != (USER, server.password):
                    _send(
                        connection, _error(Refused(18456, f"Login failed for user '{login['user']}'.", 14)) + _done(2)
                    )
                    return
                _send(connection, _login_ack(login["database"]))
            elif kind == ATTENTION:
                _send(connection, _done(0x20))
            elif kind == BATCH:
                (headers,) = struct.unpack_from("<I", message)
                statement = message[headers:].decode("utf-16-le")
                server.statements.append(statement)
                answer = server.answer_to(statement)
                if isinstance(answer, Cut):
                    return
                if isinstance(answer, Silence):
                    continue
                if isinstance(answer, Refused):
                    _send(connection, _error(answer) + _done(2))
                elif isinstance(answer, Rows):
                    _send(connection, _rows(answer))
                else:
                    _send(connection, _done(0))


def _receive(connection: Line) -> tuple[int, bytes]:
    message = b""
    while True:
        kind, status, length, *_ = struct.unpack(">BBHHBB", _exactly(connection, 8))
        message += _exactly(connection, length - 8)
        if status & 1:
            return kind, message


def _exactly(connection: Line, count: int) -> bytes:
    data = b""
    while len(data) < count:
        block = connection.recv(count - len(data))
        if not block:
            raise EOFError
        data += block
    return data


def _send(connection: Line, message: bytes, kind: int = REPLY) -> None:
    most = 4000
    parts = [message[at : at + most] for at in range(0, len(message), most)] or [b""]
    for number, part in enumerate(parts, 1):
        last = 1 if number == len(parts) else 0
        connection.sendall(struct.pack(">BBHHBB", kind, last, len(part) + 8, 0, number % 256, 0) + part)


def _prelogin(encryption_mode: int) -> bytes:
    """Version 16, and encryption: 2 is none, 3 required (2.2.6.5)."""
    version, encryption = struct.pack(">BBHH", 16, 0, 1000, 0), bytes((encryption_mode,))
    table = struct.pack(">BHH", 0, 11, 6) + struct.pack(">BHH", 1, 17, 1) + b"\xff"
    return table + version + encryption


def _login(message: bytes) -> dict[str, str]:
    """Read LOGIN7 (2.2.6.4): offsets and lengths from byte 36 on."""

    def text(index: int) -> bytes:
        offset, chars = struct.unpack_from("<HH", message, 36 + 4 * index)
        return message[offset : offset + 2 * chars]

    hidden = bytes(((byte ^ 0xA5) >> 4) | (((byte ^ 0xA5) & 0x0F) << 4) for byte in text(2))
    return {
        "user": text(1).decode("utf-16-le"),
        "password": hidden.decode("utf-16-le"),
        "program": text(3).decode("utf-16-le"),
        "database": text(8).decode("utf-16-le"),
    }


def _login_ack(database: str) -> bytes:
    name = "Microsoft SQL Server"
    ack = struct.pack(">BI", 1, 0x74000004) + _b_text(name) + bytes((16, 0, 3, 232))
    change = b"\x01" + _b_text(database) + _b_text("master")
    size = b"\x04" + _b_text("4096") + _b_text("4096")
    tokens = b"".join(b"\xe3" + struct.pack("<H", len(each)) + each for each in (change, size))
    return tokens + b"\xad" + struct.pack("<H", len(ack)) + ack + _done(0)


def _error(refused: Refused) -> bytes:
    body = struct.pack("<IBB", refused.number, 1, refused.severity)
    body += struct.pack("<H", len(refused.text)) + refused.text.encode("utf-16-le")
    body += _b_text("STUB") + _b_text("") + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def _rows(answer: Rows) -> bytes:
    out = b"\x81" + struct.pack("<H", len(answer.names))
    whole = [all(isinstance(row[at], int) for row in answer.rows) for at in range(len(answer.names))]
    for name, number in zip(answer.names, whole, strict=True):
        out += struct.pack("<IH", 0, 1)
        out += b"\x26\x08" if number else b"\xe7" + struct.pack("<H", 8000) + b"\x09\x04\xd0\x00\x34"
        out += _b_text(name)
    for row in answer.rows:
        out += b"\xd1"
        for cell, number in zip(row, whole, strict=True):
            if number:
                out += b"\x08" + struct.pack("<q", cell)
            elif cell is None:
                out += b"\xff\xff"
            else:
                data = str(cell).encode("utf-16-le")
                out += struct.pack("<H", len(data)) + data
    return out + _done(0x10, len(answer.rows))


def _done(status: int, count: int = 0) -> bytes:
    return b"\xfd" + struct.pack("<HHQ", status, 0xC1, count)


def _b_text(text: str) -> bytes:
    return bytes((len(text),)) + text.encode("utf-16-le")
