"""What the archiving process is told on its standard input: JSON lines."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from common.api.recorder_configuration import RecordedStorage


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PlannedStorage(_Frozen):
    """A storage and the folder of its recording database."""

    storage: RecordedStorage
    root: Path


class ArchivingPlan(_Frozen):
    """Everything that is to be done, until the next plan."""

    storages: tuple[PlannedStorage, ...] = ()
    bytes_per_s: int = 0  # of one archiving job; 0: as fast as the disks allow
    scrub_days: float = 30.0  # in which everything on local disks is verified once; 0: never
    scrub_remote_days: float = 0.0  # the same of archives in object stores
    # Below it the recording database gives its oldest to the archive early: above where cleaning begins to delete.
    low_free_bytes: int = (5 << 30) + (512 << 20)
    keep_free_bytes: int = 1 << 30  # below it, an archive in a folder deletes its oldest


class Order(_Frozen):
    """One line: a plan, or something to be done now with a job that the status names."""

    plan: ArchivingPlan | None = None
    run: str = ""
    cancel: str = ""
