"""What the gateway and an exporting process say to each other: JSON, a line each."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from common.api.exporting import ExportFile, ExportGap, ExportRequest
from common.api.recorder_configuration import RecordedStorage


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)


class FinishedFilm(_Line):
    """A film whose files are there already. `done_bytes`: how far the job was when it was finished."""

    name: str
    files: tuple[ExportFile, ...]
    done_bytes: int


class WorkOrder(_Line):
    """The first line to an exporting process. Its environment and arguments hold nothing of it: others could read
    them. After it come `pause` and `resume`; the process ends with its input."""

    data: str
    recordings: str
    storages: tuple[RecordedStorage, ...] = ()
    folder: str
    request: ExportRequest
    recorder: str
    recorder_name: str
    user: str
    user_id: str
    created_us: int
    finished: tuple[FinishedFilm, ...] = ()


class Said(_Line):
    """A line from an exporting process.

    `progress`: how far it is. `film`: one is finished. `done`: all is. `failed`: it gave up; `error` is a sentence.
    """

    said: Literal["progress", "film", "done", "failed"]
    done_bytes: int = 0
    total_bytes: int = 0
    phase: str = ""
    film: FinishedFilm | None = None
    files: tuple[ExportFile, ...] = ()
    gaps: tuple[ExportGap, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    retryable: bool = False
