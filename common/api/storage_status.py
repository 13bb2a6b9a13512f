"""What a recorder tells management of its storages, with its status report. Times are UTC us."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_STAGES = 1000

_Count = Annotated[int, Field(ge=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class HeldDeletion(_Frozen):
    """Retention would delete `segments` of `of` at once: it waits for a day, or for an administrator."""

    since_us: int
    segments: _Count
    of: _Count
    confirmed: bool = False


class StageStatus(_Frozen):
    """A storage's recording database, or one of its archives.

    `mounted`: what is at its place is it. `available`: it can be read and written. `locked_bytes`: of the GOPs that
    evidence locks meet. `free_bytes` is None where a place has no end. `lost_bytes`: what its disk was too slow for,
    since the recorder started. `problem`: a sentence for a person. `updated_us`: when all this was looked up.
    """

    id: Annotated[str, StringConstraints(max_length=100)]
    archive: bool = False
    available: bool
    mounted: bool
    used_bytes: _Count = 0
    locked_bytes: _Count = 0
    free_bytes: _Count | None = None
    segments: _Count = 0
    oldest_us: int | None = None
    lost_bytes: _Count = 0
    problem: Annotated[str, StringConstraints(max_length=1000)] = ""
    held: HeldDeletion | None = None
    updated_us: int
