"""Exports over plain HTTP on the recorder's port: `GET /exports/<job>` and `GET /exports/<job>/<file>`, with ranges."""

import json
import logging
import os
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from common.foundation.catalog import explain
from common.foundation.errors import NotPermitted, NotSignedIn, ProtocolError, StorageError, VmsError
from common.net.tokens import Principal
from common.protocols.http_request import HttpRequest, byte_range
from server.recording.api.door import Door, Gone
from server.recording.api.exports import ExportService
from server.recording.api.services import TokenCheck
from server.runtime.audit_trail import ORIGIN, Origin

log = logging.getLogger(__name__)

PREFIX = "exports"
_BLOCK_BYTES = 512 * 1024
_TYPES = {"mp4": "video/mp4", "mkv": "video/x-matroska", "avi": "video/x-msvideo", "zip": "application/zip"}
_TYPES |= {"jpg": "image/jpeg", "png": "image/png", "json": "application/json"}


def wanted(first_line: bytes) -> bool:
    """Whether a request line asks for an export."""
    path = first_line.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]
    return path == b"/exports" or path.startswith(b"/exports/")


class Downloads:
    """Answers one request a connection. Its viewer needs an access token of an operator or administrator."""

    def __init__(self, service: ExportService, tokens: TokenCheck) -> None:
        self._service = service
        self._tokens = tokens

    async def answer(self, door: Door) -> None:
        """Answer and close; a client that goes away is no error."""
        try:
            try:
                if door.request is None:
                    raise door.wrong or ProtocolError("no request", peer="The client")
                await self._answer(door, door.request)
            except VmsError as error:
                await _refuse(door, error)
        except Gone:
            pass
        except Exception:  # one answer that fails must not take the port with it
            log.exception("download failed")
        finally:
            door.transport.close()

    async def _answer(self, door: Door, request: HttpRequest) -> None:
        token = request.bearer
        if token is None:
            raise NotSignedIn("no access token")
        peer = door.transport.get_extra_info("peername")
        ORIGIN.set(Origin(address=str(peer[0]) if peer else "", client=request.headers.get("user-agent", "")[:200]))
        who = self._tokens.verify(token)
        parts = request.parts()[1:]
        if not parts:
            jobs = [job.short().model_dump(mode="json") for job in self._service.seen_by(who)]
            await _send(door, request, json.dumps(jobs).encode())
        elif len(parts) == 1:
            await _send(door, request, self._service.status(parts[0], who).model_dump_json().encode())
        else:
            await self._file(door, request, parts, who)

    async def _file(self, door: Door, request: HttpRequest, parts: list[str], who: Principal) -> None:
        fd, file = await self._service.open_file(parts[0], "/".join(parts[1:]), who)
        try:
            size = os.fstat(fd).st_size
            name = file.name.rpartition("/")[2]
            tag = f'"{file.sha256}"' if file.sha256 else ""
            headers = {
                "Content-Type": _TYPES.get(name.rpartition(".")[2], "application/octet-stream"),
                "Accept-Ranges": "bytes",
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            } | ({"ETag": tag} if tag else {})
            found = (0, size)
            status = HTTPStatus.OK
            asked = request.headers.get("range")
            same = request.headers.get("if-range", tag) == tag  # RFC 9110, 13.1.5
            if asked is not None and same:
                part = byte_range(asked, size)
                if part is None:
                    headers |= {"Content-Range": f"bytes */{size}"}
                    await door.write(_head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, headers))
                    return
                found = part
                if found != (0, size):
                    status = HTTPStatus.PARTIAL_CONTENT
                    headers |= {"Content-Range": f"bytes {found[0]}-{found[1] - 1}/{size}"}
            start, end = found
            await door.write(_head(status, end - start, headers))
            while start < end and request.method == "GET":
                data = await self._service.read(fd, min(_BLOCK_BYTES, end - start), start)
                if not data:
                    log.error("export shorter than it was", extra={"job": parts[0], "file": file.name})
                    door.transport.abort()  # the client sees that bytes are missing
                    return
                await door.write(data)
                start += len(data)
        finally:
            os.close(fd)


def _head(status: HTTPStatus, length: int, headers: Mapping[str, str]) -> bytes:
    fixed = {
        "Content-Length": str(length),
        "Connection": "close",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in {**headers, **fixed}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _send(door: Door, request: HttpRequest, body: bytes) -> None:
    head = _head(HTTPStatus.OK, len(body), {"Content-Type": "application/json"})
    await door.write(head + (body if request.method == "GET" else b""))


async def _refuse(door: Door, error: VmsError) -> None:
    headers = {"Content-Type": "application/json"}
    if isinstance(error, NotSignedIn):
        status = HTTPStatus.UNAUTHORIZED
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, NotPermitted):
        status = HTTPStatus.FORBIDDEN
    elif isinstance(error, ProtocolError):
        status = HTTPStatus.BAD_REQUEST
    elif isinstance(error, StorageError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
        log.error("export cannot be read", extra={"reason": str(error)})
    else:
        status = HTTPStatus.NOT_FOUND
    body = json.dumps({"error": explain(error)}).encode()
    await door.write(_head(status, len(body), headers) + body)
