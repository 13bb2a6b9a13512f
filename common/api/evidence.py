"""What clients and a recorder say about evidence locks. JSON; times are UTC us."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from common.foundation.ids import DeviceId

MOST_DEVICES = 1000
MOST_COMMENT_CHARACTERS = 2000
MOST_TIME_US = 2**53 - 1

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Devices = Annotated[
    tuple[Annotated[DeviceId, StringConstraints(min_length=1, max_length=128)], ...],
    Field(min_length=1, max_length=MOST_DEVICES),
]
Header = Annotated[str, StringConstraints(max_length=200)]
Comment = Annotated[str, StringConstraints(max_length=MOST_COMMENT_CHARACTERS)]
Reference = Annotated[str, StringConstraints(max_length=100)]
Time = Annotated[int, Field(ge=0, le=MOST_TIME_US)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockRequest(_Frozen):
    """Keep `start_us <= t < end_us` of these devices until `expires_us`; None: for ever.

    `id`: of the lock to be; asking twice with the same one makes one lock. One lock that concerns several recorders
    has the same id on each. `tag_us`: the moment it is about. `header`, `comment`, `reference`: for people.
    """

    id: Id | None = None
    devices: Devices
    start_us: Time
    end_us: Time
    tag_us: Time | None = None
    header: Header = ""
    comment: Comment = ""
    reference: Reference = ""
    expires_us: Time | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_us <= self.start_us:
            raise ValueError("a lock must end after it starts")
        return self


class LockPatch(_Frozen):
    """What is to change; what is not given stays. `forever`: it expires no more."""

    devices: Devices | None = None
    start_us: Time | None = None
    end_us: Time | None = None
    tag_us: Time | None = None
    header: Header | None = None
    comment: Comment | None = None
    reference: Reference | None = None
    expires_us: Time | None = None
    forever: bool = False


class ShownLock(BaseModel):
    """A lock as it stands. `devices`: those that the asker may know of; `hidden_devices` counts the others.

    `expired`: it holds nothing any more, but nobody has removed it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    devices: tuple[DeviceId, ...]
    hidden_devices: int = 0
    start_us: int
    end_us: int
    tag_us: int | None = None
    header: str = ""
    comment: str = ""
    reference: str = ""
    owner: str
    owner_id: str = ""
    created_us: int
    expires_us: int | None = None
    expired: bool = False
