"""What clients and a recorder say about exports: what is wanted, and how far a job is. JSON; times are UTC us."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from common.foundation.ids import DeviceId

MOST_ITEMS = 256
MOST_SPANS = 1_000
MOST_TIME_US = 2**53 - 1

Name = Annotated[str, StringConstraints(max_length=200)]
Format = Literal["mp4", "mkv", "avi", "jpeg", "png", "package"]
State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
Time = Annotated[int, Field(ge=0, le=MOST_TIME_US)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ExportSpan(_Frozen):
    """`start_us <= t < end_us`."""

    start_us: Time
    end_us: Time

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_us <= self.start_us:
            raise ValueError("a span must end after it starts")
        return self


class ExportItem(_Frozen):
    """A camera with its microphone, or either alone; each span becomes a film of its own. `name` is filled in by the
    recorder."""

    device: DeviceId
    track: Literal["primary", "secondary"] = "primary"
    microphone: DeviceId | None = None
    name: Name = ""
    spans: Annotated[tuple[ExportSpan, ...], Field(min_length=1, max_length=MOST_SPANS)]


class ExportRequest(_Frozen):
    """One export job.

    `cut`: `gop` takes whole groups of pictures, so that a film may start some seconds early; `frame` is exact, and
    codes anew only the pictures at the edges. `gaps`: `keep` shows the last picture while nothing is recorded, so that
    films of several cameras stay in step; `cut` leaves missing time out. `every_s`: seconds between stills.
    `password`: of a package (AES-256); empty: none. `verify`: read everything back before the job is done.
    """

    items: Annotated[tuple[ExportItem, ...], Field(min_length=1, max_length=MOST_ITEMS)]
    format: Format = "mp4"
    cut: Literal["gop", "frame"] = "gop"
    gaps: Literal["keep", "cut"] = "keep"
    every_s: Annotated[float, Field(ge=0.04, le=86_400)] = 1.0
    password: Annotated[str, StringConstraints(max_length=200)] = Field(default="", repr=False)
    comment: Annotated[str, StringConstraints(max_length=10_000)] = ""
    verify: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.password and self.format != "package":
            raise ValueError("only a package can have a password")
        return self


class ExportGap(_Frozen):
    """Time that was asked for and is not in the result, and why."""

    device: DeviceId
    track: str
    start_us: int
    end_us: int
    reason: str


class ExportFile(_Frozen):
    """A finished file of a result. `start_us`, `end_us`: what it shows; 0 where that means nothing."""

    name: str
    size_bytes: int
    sha256: str
    start_us: int = 0
    end_us: int = 0


class ExportEstimate(_Frozen):
    """What an export will take."""

    media_bytes: int
    needed_bytes: int
    free_bytes: int


class ExportJob(_Frozen):
    """A job as it stands. `notes`: what a person should know about the result, a sentence each.

    `file_count`, `gap_count`: how many there are; lists of jobs hold only the first of them.
    """

    id: str
    state: State
    owner: str
    owner_id: str
    created_us: int
    format: Format
    comment: str = ""
    names: tuple[str, ...] = ()
    done_bytes: int = 0
    total_bytes: int = 0
    percent: float = 0.0
    eta_s: float | None = None
    phase: str = ""
    files: tuple[ExportFile, ...] = ()
    gaps: tuple[ExportGap, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    expires_us: int = 0
    file_count: int = 0
    gap_count: int = 0

    def short(self, most: int = 10) -> "ExportJob":
        """The same with only the first files, gaps and notes."""
        return self.model_copy(
            update={
                "files": self.files[:most],
                "gaps": self.gaps[:most],
                "notes": tuple(note[:500] for note in self.notes[:most]),
                "names": self.names[:most],
                "comment": self.comment[:500],
                "file_count": len(self.files),
                "gap_count": len(self.gaps),
            }
        )
