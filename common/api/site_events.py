"""What a recorder tells management of what happens to its devices and disks.

`POST /api/internal/v1/recorders/{id}/events` with EventBatch answers 200 with EventReceipt. A batch goes out as soon as
something happens, and empty ones now and then, so that both sides notice when the other was away: `whole` in the answer
asks for all states again. A batch may arrive twice; its `number` tells.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_EVENTS = 500  # of a batch, and as many states
IDLE_S = 10.0
Guid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Source = Literal[
    "cameras", "microphones", "speakers", "metadata", "inputEvents", "outputs", "hardware", "recordingServers"
]
"""Kinds of items, by their plural names in the REST API, to which something happens."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SiteEvent(_Message):
    """Something happened to an item. `type` is an event type's id; `state_group`: it leads to a state of this group."""

    id: Guid
    source: Source
    source_id: Guid
    type: Guid
    at_us: Annotated[int, Field(ge=0, le=253_402_300_799_999_999)]  # microseconds since 1970 UTC, to the year 9999
    state_group: Guid | None = None
    reason: str = Field(default="", max_length=500)  # a sentence for a person


class EventBatch(_Message):
    """`number` is that of the first of `events`, counted since the start named by `epoch`; `states`: how things are
    before these events, where management has asked."""

    epoch: str = Field(max_length=64)
    number: int = Field(ge=0)
    events: tuple[SiteEvent, ...] = Field(default=(), max_length=MOST_EVENTS)
    states: tuple[SiteEvent, ...] = Field(default=(), max_length=MOST_EVENTS)


class EventReceipt(_Message):
    """`whole`: tell all states again, management does not know them (any more)."""

    whole: bool
