"""The recorders as exports need them: blocking questions and downloads, for worker threads."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from common.api.exporting import ExportEstimate, ExportJob, ExportRequest
from common.clients.export_jobs import Action, RecorderExports
from common.clients.exports import ExportDownloads
from common.clients.media_asking import ask_recorder
from common.foundation.errors import ServerUnreachable
from common.net.tls import pinned_context
from common.protocols.media_channel.messages import ClientMessage, ServerMessage

T = TypeVar("T")


class ExportDoors:
    """`uris`: the recorders' media channels by id, as the site knows them now."""

    def __init__(self, token: Callable[[], str], ca_pem: str) -> None:
        self.uris: Mapping[str, str] = {}
        self._token = token
        self._tls = pinned_context(ca_pem) if ca_pem else None

    def estimate(self, recorder: str, request: ExportRequest) -> ExportEstimate:
        return self._run(recorder, lambda exports: exports.estimate(request))

    def create(self, recorder: str, request: ExportRequest) -> ExportJob:
        return self._run(recorder, lambda exports: exports.create(request))

    def known(self, recorder: str) -> list[ExportJob]:
        return self._run(recorder, lambda exports: exports.known())

    def control(self, recorder: str, job: str, action: Action) -> ExportJob:
        return self._run(recorder, lambda exports: exports.control(job, action))

    def downloads(self, recorder: str) -> ExportDownloads:
        uri = self._uri(recorder)
        return ExportDownloads(uri, self._tls_for(uri), self._token)

    def _run(self, recorder: str, ask: Callable[[RecorderExports], Coroutine[Any, Any, T]]) -> T:
        uri, token = self._uri(recorder), self._token()

        async def door(question: ClientMessage) -> ServerMessage:
            return await ask_recorder(uri, self._tls_for(uri), token, question)

        return asyncio.run(ask(RecorderExports(door)))

    def _uri(self, recorder: str) -> str:
        uri = self.uris.get(recorder)
        if not uri:
            raise ServerUnreachable("the site does not know its address now", server=recorder)
        return uri

    def _tls_for(self, uri: str) -> ssl.SSLContext | None:
        return self._tls if uri.startswith("wss:") else None
