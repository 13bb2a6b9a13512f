"""Runs the background jobs: when they are due, one at a time on each disk, with progress that outlives the process."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from common.foundation.backoff import Backoff
from common.foundation.catalog import explain
from common.foundation.clock import Clock, UtcUs
from common.foundation.errors import StorageError, VmsError
from server.recording.archiving.events import JobFailed, JobRecovered, Report
from server.recording.archiving.job_store import JobRecord, JobStore, resumed
from server.recording.archiving.pacing import Stopped

log = logging.getLogger(__name__)

_SAVE_EVERY_S = 2.0
_URGENT_EVERY_S = 10.0
_FIRST_RETRY_S = 2.0
_MOST_RETRY_S = 300.0


class JobRun:
    """What a job is handed while it runs, to say how far it is. For the job's thread."""

    def __init__(self, record: JobRecord, save: Callable[[JobRecord], None], clock: Clock) -> None:
        self.stop = threading.Event()
        self.record = record
        self._save = save
        self._clock = clock
        self._saved_s = clock.monotonic_s()
        self._began_s = self._saved_s

    @property
    def cursor(self) -> str:
        """Where the run before ended; set it to where this one is."""
        return self.record.cursor

    @cursor.setter
    def cursor(self, value: str) -> None:
        self._change(replace(self.record, cursor=value))

    def expect(self, total_bytes: int) -> None:
        """Say how much there is to do."""
        self._change(replace(self.record, total_bytes=self.record.done_bytes + total_bytes))

    def advance(self, size_bytes: int) -> None:
        """Say that so much more is done."""
        self._change(replace(self.record, done_bytes=self.record.done_bytes + size_bytes))

    def segment_done(self) -> None:
        self._change(replace(self.record, done_segments=self.record.done_segments + 1))

    def restart(self) -> None:
        """Count from nothing again: a new pass begins."""
        self._change(replace(self.record, done_bytes=0, total_bytes=0, done_segments=0, cursor=""))

    def check(self) -> None:
        """Raise Stopped when the job was asked to end."""
        if self.stop.is_set():
            raise Stopped

    def eta_s(self, done_before: int) -> float | None:
        """Seconds until the end at the speed so far; None while that cannot be said."""
        done = self.record.done_bytes - done_before
        elapsed_s = self._clock.monotonic_s() - self._began_s
        if done <= 0 or elapsed_s <= 0:
            return None
        return max(0, self.record.total_bytes - self.record.done_bytes) * elapsed_s / done

    def _change(self, record: JobRecord) -> None:
        self.record = record
        if (now_s := self._clock.monotonic_s()) - self._saved_s >= _SAVE_EVERY_S:
            self._saved_s = now_s
            self._save(record)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that comes again and again.

    `work` does it, until it ends or raises: StorageError or OSError (tried again), Stopped. `next_due(now, last)` says
    when it is due after its last end. `urgent` lets it begin at once, and is asked every ten seconds. `rank`: of those
    that are due, the lowest first. Two jobs that share one of `disks` don't run at the same time.
    """

    id: str
    kind: str
    storage: str
    stage: str
    rank: int
    disks: Callable[[], Iterable[str]]
    work: Callable[[JobRun], None]
    next_due: Callable[[UtcUs, UtcUs | None], UtcUs]
    urgent: Callable[[], bool] = field(default=lambda: False)


@dataclass(slots=True)
class _Job:
    spec: JobSpec
    record: JobRecord
    backoff: Backoff
    run: JobRun | None = None
    future: "Future[None] | None" = None
    disks: frozenset[str] = frozenset()
    done_before: int = 0
    failing: bool = False
    cancelled: bool = False
    urgent_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as it is shown. `eta_s`: None while it cannot be said."""

    record: JobRecord
    eta_s: float | None


class JobRunner:
    """Starts jobs when they are due. `tick` is called often, by one thread; the jobs run on threads of their own."""

    def __init__(self, store: JobStore, clock: Clock, report: Report, threads: int = 4) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="archiving")
        self._jobs: dict[str, _Job] = {}

    def replace(self, specs: Iterable[JobSpec]) -> None:
        """Have exactly these jobs. What runs is stopped first, and goes on as soon as it can."""
        self._stop_all()
        known = {record.id: record for record in self._store.jobs()}
        self._jobs = {}
        for spec in specs:
            record = known.pop(spec.id, None) or JobRecord(spec.id, spec.kind, spec.storage, spec.stage)
            record = replace(resumed(record), storage=spec.storage, stage=spec.stage)
            now = self._clock.now_us()
            missed = 0 < record.due_us <= now  # while nothing ran here: it is made up for
            if record.state in ("waiting", "cancelled") and not missed:
                record = replace(record, due_us=spec.next_due(now, _finished(record)))
            self._jobs[spec.id] = _Job(spec, record, Backoff(_FIRST_RETRY_S, _MOST_RETRY_S))
            self._store.put(record)
        for gone in known:
            self._store.forget(gone)

    def close(self) -> None:
        """Stop everything; what was running goes on at the next start."""
        self._stop_all()
        self._pool.shutdown()

    def _stop_all(self) -> None:
        running = [job for job in self._jobs.values() if job.future is not None]
        for job in running:
            assert job.run is not None
            job.run.stop.set()
        for job in running:
            assert job.future is not None
            job.future.exception()  # waits
            if not job.cancelled:
                assert job.run is not None
                self._store.put(replace(job.run.record, state="running"))
            job.run = job.future = None

    def run_now(self, job_id: str) -> bool:
        """Let a job begin as soon as its disks are free; False when there is no such job."""
        job = self._jobs.get(job_id)
        if job is not None and job.future is None:
            self._set(job, replace(job.record, state="waiting", due_us=0))
        return job is not None

    def cancel(self, job_id: str) -> bool:
        """End a run, until it is due again by its schedule; False when there is no such job."""
        job = self._jobs.get(job_id)
        if job is None:
            return False
        if job.run is not None:
            job.cancelled = True
            job.run.stop.set()
        elif job.record.state == "retrying":
            self._set(job, replace(job.record, state="cancelled", due_us=self._next_due(job)))
        return True

    def status(self) -> list[JobStatus]:
        return [
            JobStatus(job.record, None)
            if job.run is None
            else JobStatus(job.run.record, job.run.eta_s(job.done_before))
            for job in self._jobs.values()
        ]

    @property
    def idle(self) -> bool:
        return all(job.future is None for job in self._jobs.values())

    def tick(self) -> None:
        """Take in what ended, and start what is due."""
        for job in self._jobs.values():
            if job.future is not None and job.future.done():
                self._ended(job)
        now = self._clock.now_us()
        busy = {disk for job in self._jobs.values() if job.future is not None for disk in job.disks}
        for job in sorted(self._jobs.values(), key=lambda job: (job.spec.rank, job.record.due_us)):
            if job.future is None and self._due(job, now):
                disks = frozenset(job.spec.disks())
                if not disks & busy:
                    busy |= disks
                    self._start(job, disks)

    def _due(self, job: _Job, now: UtcUs) -> bool:
        if job.record.due_us <= now:
            return True
        if job.failing or (now_s := self._clock.monotonic_s()) < job.urgent_at_s:
            return False
        job.urgent_at_s = now_s + _URGENT_EVERY_S
        return job.spec.urgent()

    def _start(self, job: _Job, disks: frozenset[str]) -> None:
        resuming = job.record.state in ("retrying", "resuming") or job.record.cursor != ""
        record = replace(job.record, state="running", started_us=self._clock.now_us())
        if not resuming:
            record = replace(record, done_bytes=0, total_bytes=0, done_segments=0)
        job.run, job.disks, job.done_before, job.cancelled = (
            JobRun(record, self._store.put, self._clock),
            disks,
            record.done_bytes,
            False,
        )
        self._set(job, record)
        job.future = self._pool.submit(job.spec.work, job.run)

    def _ended(self, job: _Job) -> None:
        assert job.future is not None
        assert job.run is not None
        error, record = job.future.exception(), job.run.record
        job.future = job.run = None
        if error is None:
            if job.failing:
                job.failing = False
                self._report(JobRecovered(job.spec.id))
            job.backoff.succeeded()
            now = self._clock.now_us()
            record = replace(record, state="waiting", finished_us=now, error="")
            self._set(job, replace(record, due_us=job.spec.next_due(now, now)))
        elif isinstance(error, Stopped):
            state = "cancelled" if job.cancelled else "waiting"
            self._set(job, replace(record, state=state, due_us=self._next_due(job)))
        else:
            self._failed(job, record, error)

    def _failed(self, job: _Job, record: JobRecord, error: BaseException) -> None:
        if isinstance(error, VmsError):
            reason = explain(error)
        elif isinstance(error, OSError):
            reason = f"{error.strerror or error}: {error.filename}" if error.filename else error.strerror or str(error)
        else:  # supervisor of the jobs: a bug in one must not end the others
            log.error("job failed", extra={"job": job.spec.id}, exc_info=error)
            reason = "a fault in Vedette; the log has more"
        if not job.failing:
            job.failing = True
            log.error("job failed", extra={"job": job.spec.id, "reason": reason})
            self._report(JobFailed(job.spec.id, reason))
        wait_us = int(job.backoff.next_s() * 1_000_000)
        self._set(job, replace(record, state="retrying", error=reason, due_us=self._clock.now_us() + wait_us))

    def _next_due(self, job: _Job) -> UtcUs:
        now = self._clock.now_us()
        return max(job.spec.next_due(now, now), UtcUs(now + 1))

    def _set(self, job: _Job, record: JobRecord) -> None:
        job.record = record
        try:
            self._store.put(record)
        except StorageError as error:
            log.error("state of a job not saved", extra={"job": record.id, "reason": str(error)})


def _finished(record: JobRecord) -> UtcUs | None:
    return None if record.finished_us is None else UtcUs(record.finished_us)


def wait_idle(runner: JobRunner, timeout_s: float) -> bool:
    """Turn the runner until nothing runs; False when that takes longer. For tools and tests."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        runner.tick()
        if runner.idle:
            return True
        time.sleep(0.01)
    return False
