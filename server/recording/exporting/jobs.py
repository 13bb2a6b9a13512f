"""Export jobs of a recorder: each worked off by a process, some at a time, remembered over restarts.

A job that ran when the recorder was killed goes on behind its last finished film. Results are kept for some days.
"""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import ValidationError

from common.api.exporting import ExportEstimate, ExportFile, ExportJob, ExportRequest
from common.api.recorder_configuration import RecordedStorage
from common.foundation.catalog import explain
from common.foundation.clock import US_PER_S, Clock, UtcUs
from common.foundation.errors import StorageError, VmsError
from common.foundation.ids import DeviceId
from common.foundation.pools import BoundedPool
from common.net.tokens import Principal
from server.recording.exporting.errors import ExportRefused, NoRoom, NoSuchExport, TooManyExports
from server.recording.exporting.job_files import JobFiles, KeptJob
from server.recording.exporting.maker import estimate
from server.recording.exporting.order import Said, WorkOrder
from server.recording.exporting.sources import opened_recordings
from server.recording.processes import end, start_module

log = logging.getLogger(__name__)
audit = logging.getLogger("server.recording.audit")

MODULE = "server.recording.exporting"
Action = Literal["pause", "resume", "cancel", "remove"]
_MOST_LINE_BYTES = 16 << 20
_MOST_CRASHES = 3
_EXPIRY_CHECK_S = 60.0
_SAVE_EVERY_S = 5.0
_FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Where exports go and how many at a time. `data`: the recorder's folder."""

    data: Path
    recordings: Path
    folder: Path
    at_once: int = 1
    kept_s: float = 7 * 86_400.0
    most_jobs: int = 200
    min_free_bytes: int = 1 << 30


@dataclass(slots=True, eq=False)
class _Job:
    """A job and what moves in it."""

    kept: KeptJob
    process: asyncio.subprocess.Process | None = None
    runner: asyncio.Task[None] | None = None
    started_s: float = 0.0
    started_bytes: int = 0
    saved_s: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> ExportJob:
        return self.kept.status


class ExportJobs:
    """All jobs of one recorder. Use on one event loop; `run` works them off until cancelled."""

    def __init__(
        self,
        plan: ExportPlan,
        recorder: str,
        recorder_name: Callable[[], str],
        clock: Clock,
        storages: Callable[[], Sequence[RecordedStorage]] = tuple,
        *,
        may_export: Callable[[Principal, DeviceId], bool],
    ) -> None:
        """`storages`: those of the recorder at the moment; recordings are looked for in all of them. `may_export`: who
        loses the permission to export a device, loses the exports of it that were made before."""
        self._may_export = may_export
        self._plan = plan
        self._storages = storages
        self._recorder = recorder
        self._name = recorder_name
        self._clock = clock
        self._files = JobFiles(plan.folder)
        self._jobs: dict[str, _Job] = {}
        self._work = asyncio.Event()
        self._loaded = asyncio.Event()
        self._pool = BoundedPool("export", 2)
        self._places = asyncio.Semaphore(plan.at_once)

    # what users ask

    async def estimate(self, request: ExportRequest) -> ExportEstimate:
        """What an export would take. Raises StorageError."""
        return await self._pool.run(self._estimate, request)

    def _estimate(self, request: ExportRequest) -> ExportEstimate:
        free = max(0, self._files.free_bytes() - self._plan.min_free_bytes)
        with opened_recordings(self._plan.data, self._plan.recordings, self._storages()) as reader:
            return estimate(reader, request, free)

    async def create(self, request: ExportRequest, who: Principal) -> ExportJob:
        """Queue a job. Raises NoRoom when the result would not fit, ExportRefused, TooManyExports, StorageError."""
        await self._loaded.wait()
        if len(self._jobs) >= self._plan.most_jobs:
            raise TooManyExports("too many jobs", most=self._plan.most_jobs)
        found = await self.estimate(request)
        if found.media_bytes == 0:
            raise ExportRefused("nothing is recorded in the time that was chosen")
        promised = sum(
            max(0, job.status.total_bytes - job.status.done_bytes)
            for job in self._jobs.values()
            if job.status.state not in _FINAL
        )
        if found.needed_bytes + promised > found.free_bytes:
            raise NoRoom(
                f"{found.needed_bytes} bytes needed, {found.free_bytes} free",
                needed=shown_bytes(found.needed_bytes + promised),
                free=shown_bytes(found.free_bytes),
                path=str(self._plan.folder),
            )
        status = ExportJob(
            id=str(uuid.uuid4()),
            state="queued",
            owner=who.name,
            owner_id=who.user_id,
            created_us=self._clock.now_us(),
            format=request.format,
            comment=request.comment,
            names=tuple(item.name or item.device for item in request.items),
            total_bytes=found.media_bytes,
        )
        job = _Job(KeptJob(status=status, request=request))
        await self._pool.run(self._files.save, job.kept)
        self._jobs[status.id] = job
        self._audit("export started", job, who)
        self._work.set()
        return status

    def seen_by(self, who: Principal) -> list[ExportJob]:
        """The jobs that `who` may see, oldest first: their own, for an administrator all."""
        return [job.status for job in self._jobs.values() if self._may(who, job)]

    def status(self, job: str, who: Principal) -> ExportJob:
        """Raises NoSuchExport, also for somebody else's."""
        return self._find(job, who).status

    async def control(self, job: str, action: Action, who: Principal) -> ExportJob:
        """Pause, go on with (a failed one too: from its last finished film), cancel, or remove with its result."""
        found = self._find(job, who)
        state = found.status.state
        if action == "pause" and state in ("queued", "running"):
            await self._change(found, state="paused", eta_s=None)
            await self._say(found, "pause")
        elif action == "resume" and state in ("paused", "failed"):
            found.kept = found.kept.model_copy(update={"crashes": 0})
            running = found.process is not None
            await self._change(found, state="running" if running else "queued", error="")
            found.started_s, found.started_bytes = self._clock.monotonic_s(), found.status.done_bytes
            await self._say(found, "resume")
            self._work.set()
        elif action == "cancel" and state not in _FINAL:
            await self._change(found, state="cancelled", eta_s=None, expires_us=self._expiry())
            await self._stop(found)
            await self._pool.run(self._files.remove_result, job)
        elif action == "remove":
            if state not in _FINAL:
                await self._change(found, state="cancelled", eta_s=None)
            await self._stop(found)
            self._jobs.pop(job, None)
            await self._pool.run(self._files.remove, job)
        else:
            raise ExportRefused(f"an export that is {state} cannot be told to {action}")
        self._audit(f"export {action}", found, who)
        return found.status

    async def open_file(self, job: str, name: str, who: Principal) -> tuple[int, ExportFile]:
        """Open a file of a result; the caller closes the descriptor. Raises NoSuchExport, StorageError."""
        found = self._find(job, who)
        opened = await self._pool.run(self._files.open_result, found.status, name)
        self._audit("export fetched", found, who)
        return opened

    async def read(self, fd: int, size: int, offset: int) -> bytes:
        """Read of an opened file, off the event loop."""
        return await self._pool.run(_pread, fd, size, offset)

    def _find(self, job: str, who: Principal) -> _Job:
        found = self._jobs.get(job)
        if found is None or not self._may(who, found):
            raise NoSuchExport(f"no export {job}")
        return found

    def _may(self, who: Principal, job: _Job) -> bool:
        if who.is_administrator:
            return True
        devices = (device for item in job.kept.request.items for device in (item.device, item.microphone) if device)
        return who.user_id == job.status.owner_id and all(self._may_export(who, device) for device in devices)

    # the work

    async def run(self) -> NoReturn:
        """Load what was left, and work jobs off until cancelled; processes are ended, and their jobs go on later."""
        async with self._pool:
            for kept in await self._pool.run(self._files.load):
                if kept.status.state == "running":
                    kept = kept.model_copy(update={"status": kept.status.model_copy(update={"state": "queued"})})  # noqa: PLW2901
                self._jobs[kept.status.id] = _Job(kept)
            self._loaded.set()
            self._work.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._expire(), name="export expiry")
                while True:
                    await self._work.wait()
                    self._work.clear()
                    for job in list(self._jobs.values()):
                        if job.status.state == "queued" and job.runner is None:
                            job.runner = tasks.create_task(self._work_off(job), name=f"export {job.status.id}")

    async def _work_off(self, job: _Job) -> None:
        try:
            async with self._places:
                while job.status.state == "queued":
                    await self._attempt(job)
        finally:
            job.runner = None
            self._work.set()

    async def _attempt(self, job: _Job) -> None:
        """Run a process until the job is done, has failed, or the process has died."""
        try:
            await self._change(job, state="running", error="")
            process = await start_module([MODULE], _MOST_LINE_BYTES)
        except (OSError, StorageError) as failed:
            await self._fail(job, explain(failed) if isinstance(failed, VmsError) else str(failed))
            return
        job.process = process
        job.started_s, job.started_bytes = self._clock.monotonic_s(), job.status.done_bytes
        try:
            await self._send(process, self._order(job).model_dump_json())
            if job.status.state == "paused":
                await self._send(process, "pause")
            assert process.stdout is not None
            while line := await process.stdout.readline():
                await self._hear(job, Said.model_validate_json(line))
            await process.wait()
        except (ValidationError, ValueError) as wrong:  # a line that is none of ours, or endless
            log.error("exporting process speaks wrongly", extra={"job": job.status.id, "reason": str(wrong)[:200]})
        finally:
            job.process = None
            await end(process)
        if job.status.state == "running":  # it neither finished nor gave up
            await self._crashed(job, process.returncode)
        elif job.status.state == "paused":
            log.warning("exporting process ended while paused", extra={"job": job.status.id})

    def _order(self, job: _Job) -> WorkOrder:
        return WorkOrder(
            data=str(self._plan.data),
            recordings=str(self._plan.recordings),
            storages=tuple(self._storages()),
            folder=str(self._files.result(job.status.id)),
            request=job.kept.request,
            recorder=self._recorder,
            recorder_name=self._name(),
            user=job.status.owner,
            user_id=job.status.owner_id,
            created_us=job.status.created_us,
            finished=job.kept.finished,
        )

    async def _hear(self, job: _Job, said: Said) -> None:
        if job.status.state not in ("running", "paused"):
            return  # cancelled meanwhile
        if said.said == "progress":
            self._progress(job, said)
            if self._clock.monotonic_s() - job.saved_s > _SAVE_EVERY_S:
                await self._save(job)
        elif said.said == "film" and said.film is not None:
            finished = (*job.kept.finished, said.film)
            job.kept = job.kept.model_copy(update={"finished": finished, "crashes": 0})
            await self._save(job)
        elif said.said == "done":
            total = said.total_bytes
            await self._change(
                job,
                state="done",
                files=said.files,
                gaps=said.gaps,
                notes=said.notes,
                done_bytes=total,
                total_bytes=total,
                percent=100.0,
                eta_s=0.0,
                phase="",
                expires_us=self._expiry(),
            )
            log.info("export done", extra={"job": job.status.id, "files": len(said.files), "bytes": total})
        elif said.said == "failed":
            await self._fail(job, said.error)

    def _progress(self, job: _Job, said: Said) -> None:
        total = max(said.total_bytes, said.done_bytes, 1)
        moved = said.done_bytes - job.started_bytes
        took_s = self._clock.monotonic_s() - job.started_s
        eta_s = (total - said.done_bytes) * took_s / moved if moved > 0 and took_s > 0.5 else None
        if job.status.state == "paused":
            eta_s = None
        update = {
            "done_bytes": said.done_bytes,
            "total_bytes": total,
            "percent": round(min(99.9, 100 * said.done_bytes / total), 1),
            "eta_s": None if eta_s is None else round(eta_s, 1),
            "phase": said.phase,
        }
        job.kept = job.kept.model_copy(update={"status": job.status.model_copy(update=update)})

    async def _crashed(self, job: _Job, code: int | None) -> None:
        crashes = job.kept.crashes + 1
        log.error("exporting process died", extra={"job": job.status.id, "code": code, "crashes": crashes})
        job.kept = job.kept.model_copy(update={"crashes": crashes})
        if crashes >= _MOST_CRASHES:
            await self._fail(job, "The export failed: its process ended unexpectedly three times. See the log file.")
        else:
            await self._change(job, state="queued", eta_s=None)

    async def _fail(self, job: _Job, sentence: str) -> None:
        log.warning("export failed", extra={"job": job.status.id, "reason": sentence})
        await self._change(job, state="failed", error=sentence, eta_s=None, expires_us=self._expiry())

    async def _stop(self, job: _Job) -> None:
        """End a job's process and wait until its runner has gone."""
        if job.process is not None:
            await end(job.process)
        runner = job.runner
        if runner is not None and runner is not asyncio.current_task():
            if job.process is None:
                runner.cancel()
            await asyncio.wait([runner])

    async def _say(self, job: _Job, word: str) -> None:
        if job.process is not None:
            await self._send(job.process, word)

    @staticmethod
    async def _send(process: asyncio.subprocess.Process, line: str) -> None:
        assert process.stdin is not None
        # It may have ended, and its output says why. uvloop raises RuntimeError on a pipe that is closed already.
        with contextlib.suppress(ConnectionError, RuntimeError):
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()

    # keeping

    async def _change(self, job: _Job, **changes: object) -> None:
        job.kept = job.kept.model_copy(update={"status": job.status.model_copy(update=changes)})
        await self._save(job)

    async def _save(self, job: _Job) -> None:
        job.saved_s = self._clock.monotonic_s()
        try:
            await self._pool.run(self._files.save, job.kept)
        except StorageError as failed:  # a full disk must not end the job: its worker will say so
            log.error("export not remembered", extra={"job": job.status.id, "reason": str(failed)})

    def _expiry(self) -> int:
        return self._clock.now_us() + round(self._plan.kept_s * US_PER_S)

    async def _expire(self) -> NoReturn:
        while True:
            now = self._clock.now_us()
            for job in list(self._jobs.values()):
                status = job.status
                if status.state in _FINAL and 0 < status.expires_us <= now:
                    try:
                        await self._pool.run(self._files.remove, status.id)
                    except StorageError as failed:
                        log.error("expired export not removed", extra={"job": status.id, "reason": str(failed)})
                        continue
                    self._jobs.pop(status.id, None)
                    log.info("export expired", extra={"job": status.id})
            await self._clock.sleep(_EXPIRY_CHECK_S)

    def _audit(self, what: str, job: _Job, who: Principal) -> None:
        spans = [span for item in job.kept.request.items for span in item.spans]
        audit.info(
            what,
            extra={
                "user": who.name,
                "user_id": who.user_id,
                "job": job.status.id,
                "format": job.status.format,
                "devices": [item.device for item in job.kept.request.items],
                "from_us": UtcUs(min(span.start_us for span in spans)),
                "to_us": UtcUs(max(span.end_us for span in spans)),
                "comment": job.kept.request.comment[:200],
            },
        )


def _pread(fd: int, size: int, offset: int) -> bytes:
    return os.pread(fd, size, offset)


def shown_bytes(size: int) -> str:
    """Write a size for people."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
