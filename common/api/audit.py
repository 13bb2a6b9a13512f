"""What was done on the site, by whom and from where: the entries that daemons deliver to whoever keeps the audit log.

A daemon delivers each entry at least once; whoever keeps them knows an entry by its `id` and keeps it once. The keeper
is management until there is a log server; the messages are the same for both.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

PATH = "/api/internal/v1/audit"
MOST_ENTRIES = 500

Category = Literal[
    "sign_in", "refusal", "configuration", "live", "playback", "export", "evidence_lock", "recording", "system"
]
Outcome = Literal["succeeded", "refused", "failed"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PropertyChange(_Message):
    """One property before and after; of secrets only that they changed (`***`)."""

    property: str = Field(max_length=100)
    before: JsonValue = None
    after: JsonValue = None


class AuditEntry(_Message):
    """One thing that somebody did or was refused. Empty texts: not known, or does not apply."""

    id: str = Field(min_length=36, max_length=36)
    at_us: int
    """By the clock of the daemon where it happened, in microseconds since 1970 UTC."""
    category: Category
    action: str = Field(max_length=64)
    outcome: Outcome = "succeeded"
    user: str = Field("", max_length=255)
    user_id: str = Field("", max_length=64)
    address: str = Field("", max_length=64)
    """The client's network address."""
    client: str = Field("", max_length=200)
    """The client's program, as it calls itself."""
    item: str = Field("", max_length=128)
    """`<resource>/<id>`, as in the REST interface."""
    item_name: str = Field("", max_length=255)
    changes: tuple[PropertyChange, ...] = Field((), max_length=500)
    details: dict[str, JsonValue] = Field(default_factory=dict, max_length=32)


class AuditBatch(_Message):
    entries: tuple[AuditEntry, ...] = Field(max_length=MOST_ENTRIES)


class AuditReceipt(_Message):
    """All of the batch is kept for good; `known`: how many of it had been delivered before."""

    kept: int
    known: int
