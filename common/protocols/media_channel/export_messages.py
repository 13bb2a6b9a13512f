"""What a client and a recorder say of exports on the media channel: see FORMAT.md beside this file.

Requests and jobs are JSON objects here; `common.api.exporting` says what is in them.
"""
# ruff: noqa: RUF009 - `wire` is dataclasses.field with metadata: each call makes a field, not a shared default

from dataclasses import dataclass
from typing import Any, ClassVar

from common.protocols.media_channel import fields
from common.protocols.media_channel.fields import wire

MOST_JOBS = 1_000


def _jobs(value: object) -> tuple[dict[str, Any], ...]:
    return fields.json_objects(value, MOST_JOBS)


@dataclass(frozen=True, slots=True)
class ExportCreate:
    """Start an export, or only ask what it would take."""

    op: ClassVar = "export_create"
    id: int = wire(fields.u32)
    request: dict[str, Any] = wire(fields.json_object)
    estimate: bool = wire(fields.boolean, default=False)

    def __repr__(self) -> str:  # a package's password must not reach a log
        return f"ExportCreate(id={self.id})"


@dataclass(frozen=True, slots=True)
class ExportList:
    """Ask for one's own export jobs (administrators: for all)."""

    op: ClassVar = "export_list"
    id: int = wire(fields.u32)


@dataclass(frozen=True, slots=True)
class ExportControl:
    """Pause, resume, cancel or remove a job."""

    op: ClassVar = "export_control"
    id: int = wire(fields.u32)
    job: str = wire(fields.name)
    action: str = wire(fields.one_of("pause", "resume", "cancel", "remove"))


@dataclass(frozen=True, slots=True)
class Exports:
    """Export jobs as they stand; only the first files and gaps of each, all of them are in `GET /exports/<id>`."""

    op: ClassVar = "exports"
    id: int = wire(fields.u32)
    jobs: tuple[dict[str, Any], ...] = wire(_jobs)


@dataclass(frozen=True, slots=True)
class ExportEstimated:
    """What an export would take."""

    op: ClassVar = "export_estimated"
    id: int = wire(fields.u32)
    media_bytes: int = wire(fields.time, "mediaBytes")
    needed_bytes: int = wire(fields.time, "neededBytes")
    free_bytes: int = wire(fields.time, "freeBytes")
