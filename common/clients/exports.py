"""Exports as a client fetches them: over HTTP from the recorder's port, going on where it broke off. Blocking."""

import hashlib
import os
import ssl
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from common.api.exporting import ExportFile, ExportJob
from common.foundation.errors import NotPermitted, NotSignedIn, ProtocolError, ServerUnreachable, StorageError, VmsError

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 20
_MOST_JSON_BYTES = 64 << 20
_TRIES = 5

Told = Callable[[int, int], None]
"""`told(done_bytes, total_bytes)` after each block; may raise to stop."""


class DownloadDamaged(VmsError):
    """What arrived is not what the recorder made."""

    message_key = "export.download_damaged"
    retryable = True


class ExportGone(VmsError):
    """The recorder does not have this export, or not this file of it."""

    message_key = "export.no_such_job"


class ExportDownloads:
    """Fetches results from one recorder. `media_uri` as the site gives it: `wss://host:7563/media`."""

    def __init__(self, media_uri: str, tls: ssl.SSLContext | None, token: Callable[[], str]) -> None:
        """`token` gives a fresh access token for each request; `tls` None is for `ws://` in tests."""
        parts = urlsplit(media_uri)
        if parts.hostname is None:
            raise ServerUnreachable(f"{media_uri!r} is no address", server=media_uri)
        self._host = parts.hostname
        self._port = parts.port or 7563
        self._tls = tls
        self._token = token
        self._server = f"{self._host}:{self._port}"

    def job(self, job: str) -> ExportJob:
        """A job with all its files and gaps."""
        connection, answer = self._get(f"/exports/{quote(job, safe='')}", {})
        try:
            body = answer.read(_MOST_JSON_BYTES)
            return ExportJob.model_validate_json(body)
        except (OSError, HTTPException, ValidationError) as wrong:
            raise ProtocolError(
                f"the export cannot be understood: {type(wrong).__name__}", peer=self._server
            ) from wrong
        finally:
            connection.close()

    def fetch_all(self, job: ExportJob, folder: Path, told: Told | None = None) -> list[Path]:
        """Fetch every file of a job into `folder`; return their paths. Raises as `fetch`."""
        return [self.fetch(job.id, file, folder, told) for file in job.files]

    def fetch(self, job: str, file: ExportFile, folder: Path, told: Told | None = None) -> Path:
        """Fetch a file, beginning where an earlier attempt ended, and compare its hash.

        Raises ServerUnreachable after five attempts that brought nothing, DownloadDamaged, StorageError, ExportGone,
        NotSignedIn and NotPermitted.
        """
        path = _inside(folder, file.name)
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab") as out:
                self._fetch_into(job, file, out, told)
                out.flush()
                os.fsync(out.fileno())
            if file.sha256 and _sha256(part) != file.sha256:
                part.unlink()
                raise DownloadDamaged("its hash differs", file=file.name)
            part.replace(path)
        except OSError as failed:
            raise StorageError(failed.strerror or str(failed), path=str(path)) from failed
        return path

    def _fetch_into(self, job: str, file: ExportFile, out: Any, told: Told | None) -> None:
        if out.tell() > file.size_bytes:
            out.truncate(0)
        tries = 0
        while out.tell() < file.size_bytes:
            before = out.tell()
            try:
                self._fetch_once(job, file, out, told)
                continue
            except ServerUnreachable:
                tries = tries + 1 if out.tell() == before else 0
                if tries >= _TRIES:
                    raise

    def _fetch_once(self, job: str, file: ExportFile, out: Any, told: Told | None) -> None:
        at = out.tell()
        headers = {"Range": f"bytes={at}-"} if at else {}
        path = f"/exports/{quote(job, safe='')}/{quote(file.name)}"
        connection, answer = self._get(path, headers)
        try:
            if at and answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise ProtocolError("the recorder sends from the beginning", peer=self._server)
            while True:
                try:
                    data = answer.read(_BLOCK_BYTES)
                except (OSError, HTTPException) as broken:
                    raise ServerUnreachable(str(broken) or type(broken).__name__, server=self._server) from broken
                if not data:
                    break
                out.write(data)
                if told is not None:
                    told(out.tell(), file.size_bytes)
            if out.tell() < file.size_bytes:
                raise ServerUnreachable("the connection ended early", server=self._server)
        finally:
            connection.close()

    def _get(self, path: str, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        connection: HTTPConnection
        if self._tls is None:
            connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        else:
            connection = HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=self._tls)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token()}", **headers})
            answer = connection.getresponse()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise _refusal(answer, self._server)
        except (OSError, HTTPException) as failed:
            connection.close()
            raise ServerUnreachable(str(failed) or type(failed).__name__, server=self._server) from failed
        except BaseException:
            connection.close()
            raise
        return connection, answer


def _refusal(answer: HTTPResponse, server: str) -> VmsError:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return NotSignedIn("the recorder did not accept the access token")
    if answer.status == HTTPStatus.FORBIDDEN:
        return NotPermitted("export recordings")
    if answer.status == HTTPStatus.NOT_FOUND:
        return ExportGone("not found")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerUnreachable(f"it answers {answer.status}", server=server)
    return ProtocolError(f"HTTP {answer.status}", peer=server)


def _inside(folder: Path, name: str) -> Path:
    """Where a file goes; a name that would leave `folder` is the recorder's fault, or somebody's between."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or any(part in ("..", ".") or "\\" in part or ":" in part for part in parts):
        raise ProtocolError(f"the recorder names a file {name!r}", peer="The recorder")
    return folder.joinpath(*parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
