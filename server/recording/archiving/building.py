"""The jobs that follow from a plan."""

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path

from common.foundation.clock import US_PER_S, Clock, UtcUs
from server.recording.archiving.archiver import Archiver
from server.recording.archiving.events import Report
from server.recording.archiving.job_store import JobStore
from server.recording.archiving.jobs import JobSpec
from server.recording.archiving.plan import ArchivingPlan
from server.recording.archiving.protected import Gate, Locked
from server.recording.archiving.rebuilding import Indexing
from server.recording.archiving.retention import Retention
from server.recording.archiving.schedule import next_run
from server.recording.archiving.scrubbing import Scrubber
from server.recording.archiving.stage import Stage, open_stages
from server.recording.keys.chest import KeyChest
from server.recording.storages.signatures import Signatures

_INDEX, _ARCHIVE, _RETENTION, _SCRUB = range(4)  # rank
_RETENTION_EVERY_US = 600 * US_PER_S


class Workshop:
    """The stages of a plan, and the jobs on them. `close` it once they have stopped."""

    def __init__(
        self,
        plan: ArchivingPlan,
        data: Path,
        store: JobStore,
        clock: Clock,
        *,
        locked: Locked,
        report: Report,
        gate: Gate = nullcontext,
    ) -> None:
        self._plan = plan
        self._store = store
        self._clock = clock
        self._locked = locked
        self._gate = gate
        self._report = report
        self._signatures = Signatures(data, lambda event: None)  # it logs; what is signed stays as it is without a key
        self._keys = KeyChest(data)
        self._prepare: Callable[[Stage], None] = lambda stage: stage.prepare(data)
        self._storages = [open_stages(planned.storage, planned.root, data) for planned in plan.storages]

    def close(self) -> None:
        for stage in self.stages:
            stage.index.close()

    @property
    def stages(self) -> list[Stage]:
        return [stage for stages in self._storages for stage in stages]

    def jobs(self) -> list[JobSpec]:
        """In any order; ids stay the same as long as the stages do."""
        made: list[JobSpec] = []
        for stages in self._storages:
            for source, target in pairwise(stages):
                made += (self._indexing(target), self._archiving(source, target), self._retention(target))
            for stage in stages:
                if days := self._plan.scrub_remote_days if stage.remote else self._plan.scrub_days:
                    made.append(self._scrubbing(stage, days))
        return made

    def _indexing(self, stage: Stage) -> JobSpec:
        job = Indexing(stage, self._prepare)
        return self._spec("index", stage, _INDEX, job.run, job.next_due, urgent=job.urgent)

    def _archiving(self, source: Stage, target: Stage) -> JobSpec:
        archive = target.archive
        assert archive is not None
        job = Archiver(
            source,
            target,
            prepare=self._prepare,
            clock=self._clock,
            locked=self._locked,
            gate=self._gate,
            report=self._report,
            bytes_per_s=self._plan.bytes_per_s,
            low_free_bytes=self._plan.low_free_bytes,
            signer=self._signatures.read,
            keys=self._keys,
        )

        def next_due(now: UtcUs, last: UtcUs | None) -> UtcUs:
            return next_run(now, last, archive.at, archive.every_minutes)

        return self._spec("archive", target, _ARCHIVE, job.run, next_due, other=source, urgent=job.urgent)

    def _retention(self, stage: Stage) -> JobSpec:
        job = Retention(
            stage,
            prepare=self._prepare,
            clock=self._clock,
            locked=self._locked,
            gate=self._gate,
            report=self._report,
            keep_free_bytes=self._plan.keep_free_bytes,
        )
        return self._spec("retention", stage, _RETENTION, job.run, _every_ten_minutes)

    def _scrubbing(self, stage: Stage, days: float) -> JobSpec:
        job = Scrubber(stage, self._store, prepare=self._prepare, clock=self._clock, report=self._report, days=days)
        return self._spec("scrub", stage, _SCRUB, job.run, job.next_due)

    def _spec(
        self,
        kind: str,
        stage: Stage,
        rank: int,
        work: Callable[..., None],
        next_due: Callable[[UtcUs, UtcUs | None], UtcUs],
        *,
        other: Stage | None = None,
        urgent: Callable[[], bool] = lambda: False,
    ) -> JobSpec:
        # A stage that moves to another place is another stage: what was remembered of its jobs does not hold there.
        place = hashlib.sha256(stage.files.place.encode()).hexdigest()[:8]
        return JobSpec(
            f"{kind}:{stage.id}:{place}",
            kind,
            stage.storage.id,
            stage.name,
            rank,
            partial(_disks, stage, other),
            work,
            next_due,
            urgent,
        )


def _disks(stage: Stage, other: Stage | None) -> set[str]:
    return {stage.files.disk} if other is None else {stage.files.disk, other.files.disk}


def _every_ten_minutes(now: UtcUs, last: UtcUs | None) -> UtcUs:
    return now if last is None else UtcUs(max(now, last + _RETENTION_EVERY_US))
