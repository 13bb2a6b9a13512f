"""Jobs on disk: `<folder>/<job id>/job.json`, a password beside it while it is needed, and the result in `files/`."""

import logging
import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from common.api.exporting import ExportFile, ExportJob, ExportRequest
from common.foundation.errors import StorageError
from common.foundation.places import write_private
from server.recording.exporting.errors import NoSuchExport
from server.recording.exporting.order import FinishedFilm

log = logging.getLogger(__name__)

JOB, PASSWORD, RESULT = "job.json", "password", "files"
_MOST_BYTES = 64 << 20


class KeptJob(BaseModel):
    """A job as it is kept. The request's password is not in it."""

    model_config = ConfigDict(frozen=True)

    status: ExportJob
    request: ExportRequest
    finished: tuple[FinishedFilm, ...] = ()
    crashes: int = 0


class JobFiles:
    """The folder of all jobs. Calls block; everything raises StorageError when the disk does not do it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, job: str) -> Path:
        return self.folder / job

    def result(self, job: str) -> Path:
        return self.place(job) / RESULT

    def load(self) -> list[KeptJob]:
        """All jobs; one that cannot be read is reported and left alone."""
        found: list[KeptJob] = []
        for path in sorted(self.folder.glob(f"*/{JOB}")):
            try:
                if path.stat().st_size > _MOST_BYTES:
                    raise ValueError("it is too large")
                kept = KeptJob.model_validate_json(path.read_bytes())
                if kept.status.id != path.parent.name:
                    raise ValueError("it belongs to another folder")
            except (OSError, ValidationError, ValueError) as error:
                log.error("export not known", extra={"path": path, "reason": str(error).partition("\n")[0]})
                continue
            password = path.with_name(PASSWORD)
            if password.exists():
                request = kept.request.model_copy(update={"password": password.read_text(encoding="utf-8")})
                kept = kept.model_copy(update={"request": request})
            found.append(kept)
        return sorted(found, key=lambda kept: kept.status.created_us)

    def save(self, kept: KeptJob) -> None:
        """Write a job whole or not at all. Its password is kept only while the job is not done."""
        place = self.place(kept.status.id)
        password = place / PASSWORD
        try:
            if kept.request.password and kept.status.state not in ("done", "cancelled"):
                if not password.exists():
                    write_private(password, kept.request.password.encode())
            else:
                password.unlink(missing_ok=True)
            open_job = kept.model_copy(update={"request": kept.request.model_copy(update={"password": ""})})
            write_private(place / JOB, open_job.model_dump_json().encode())
        except OSError as error:
            raise StorageError(error.strerror or str(error), path=str(place)) from error

    def remove(self, job: str) -> None:
        """Delete a job with its result."""
        try:
            shutil.rmtree(self.place(job))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(error.strerror or str(error), path=str(self.place(job))) from error

    def remove_result(self, job: str) -> None:
        """Delete what a job has written."""
        shutil.rmtree(self.result(job), ignore_errors=True)

    def free_bytes(self) -> int:
        """What fits on the disk of the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = os.statvfs(self.folder)
        except OSError as error:
            raise StorageError(error.strerror or str(error), path=str(self.folder)) from error
        return found.f_bavail * found.f_frsize

    def open_result(self, status: ExportJob, name: str) -> tuple[int, ExportFile]:
        """Open a finished file of a job; the caller closes the descriptor. Raises NoSuchExport.

        Only names that the job lists are opened, so that no path of a stranger's reaches the disk.
        """
        listed = next((file for file in status.files if file.name == name), None)
        if listed is None or status.state != "done":
            raise NoSuchExport(f"no file {name!r}")
        try:
            fd = os.open(self.result(status.id) / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NoSuchExport(f"{name!r} is gone") from None
        except OSError as error:
            raise StorageError(error.strerror or str(error), path=name) from error
        return fd, listed
