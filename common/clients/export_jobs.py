"""Export jobs of one recorder, as a client makes and steers them. Results are fetched by `common.clients.exports`."""

from typing import Any, Literal

from pydantic import ValidationError

from common.api.exporting import ExportEstimate, ExportJob, ExportRequest
from common.clients.media_asking import QUESTION, AskRecorder
from common.foundation.errors import ProtocolError
from common.protocols.media_channel.messages import (
    ExportControl,
    ExportCreate,
    ExportEstimated,
    ExportList,
    Exports,
    ServerMessage,
)

Action = Literal["pause", "resume", "cancel", "remove"]


class RecorderExports:
    """Asks a recorder. Everything raises as `ask_recorder`; what the recorder refuses is a RecorderRefused."""

    def __init__(self, ask: AskRecorder) -> None:
        self._ask = ask

    async def estimate(self, request: ExportRequest) -> ExportEstimate:
        """What the export would take."""
        answer = await self._ask(ExportCreate(QUESTION, request.model_dump(mode="json"), estimate=True))
        if not isinstance(answer, ExportEstimated):
            raise ProtocolError(f"an estimate was asked for, not '{answer.op}'", peer="The recorder")
        return ExportEstimate(
            media_bytes=answer.media_bytes, needed_bytes=answer.needed_bytes, free_bytes=answer.free_bytes
        )

    async def create(self, request: ExportRequest) -> ExportJob:
        """Start an export."""
        return _one(await self._ask(ExportCreate(QUESTION, request.model_dump(mode="json"))))

    async def known(self) -> list[ExportJob]:
        """One's own jobs; an administrator's: all."""
        return _jobs(await self._ask(ExportList(QUESTION)))

    async def control(self, job: str, action: Action) -> ExportJob:
        """Pause, resume (a failed one too), cancel or remove a job."""
        return _one(await self._ask(ExportControl(QUESTION, job, action)))


def _jobs(answer: ServerMessage) -> list[ExportJob]:
    if not isinstance(answer, Exports):
        raise ProtocolError(f"exports were asked for, not '{answer.op}'", peer="The recorder")
    return [_job(each) for each in answer.jobs]


def _one(answer: ServerMessage) -> ExportJob:
    found = _jobs(answer)
    if len(found) != 1:
        raise ProtocolError(f"one export was expected, not {len(found)}", peer="The recorder")
    return found[0]


def _job(wire: dict[str, Any]) -> ExportJob:
    try:
        return ExportJob.model_validate(wire)
    except ValidationError as wrong:
        raise ProtocolError(f"its export is not one: {wrong.error_count()} errors", peer="The recorder") from None
