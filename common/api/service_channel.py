"""The service channel: what has changed on the site, told to whoever listens, numbered so that nothing is missed.

`wss://<management>/api/ws/service/v1`, JSON text messages. The client signs in with `Authorization: Bearer` or with the
token in its first message, `hello`, which also says up to which number it knows (`epoch` and `after` of its last
connection). The server answers `welcome`. `resumed` false means that it cannot tell what was missed: read the site
again. Then come notices, each at most once and in order, of items that the user may see; a heartbeat when there was
nothing to say for `heartbeat_s`; and `reload` when the client fell too far behind. Before its token ends the client
sends a fresh one with `authenticate`. Closed with 4401: sign in again. 4400: not understood. 4429: too many clients.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PATH = "/api/ws/service/v1"
BAD_MESSAGE = 4400
NOT_SIGNED_IN = 4401
TOO_MANY = 4429
HEARTBEAT_S = 10.0
Token = Annotated[str, Field(min_length=1, max_length=16_384)]


What = Literal["configuration", "state"]
Change = Literal["created", "changed", "deleted", "online", "offline"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Hello(_Message):
    """The first message. `token` may be missing where the upgrade's headers held it."""

    op: Literal["hello"] = "hello"
    token: Token | None = Field(default=None, repr=False)
    epoch: str = Field(default="", max_length=64)
    after: int = Field(default=0, ge=0)


class Authenticate(_Message):
    """Stay signed in with a fresh token."""

    op: Literal["authenticate"] = "authenticate"
    token: Token = Field(repr=False)


class Welcome(_Message):
    """Signed in. Notices from behind `last` follow; where `resumed`, those from behind the client's `after`."""

    op: Literal["welcome"] = "welcome"
    epoch: str
    last: int
    resumed: bool
    heartbeat_s: float = HEARTBEAT_S


class Notice(_Message):
    """Something changed. `resource` and `id` name the item as the REST API does; `version` is its new ETag's number.

    `what`: `configuration` with created, changed, deleted; `state` with online, offline.
    """

    op: Literal["notice"] = "notice"
    number: int
    at_us: int  # microseconds since 1970 UTC
    what: What
    change: Change
    resource: str
    id: str
    version: int = 0


class Heartbeat(_Message):
    """The connection and the server are alive; nothing beyond `last` has happened."""

    op: Literal["heartbeat"] = "heartbeat"
    last: int


class Reload(_Message):
    """The client missed more than is kept, or its permissions changed: read the site again. Goes on behind `last`."""

    op: Literal["reload"] = "reload"
    last: int


ClientMessage = Annotated[Hello | Authenticate, Field(discriminator="op")]
ServerMessage = Annotated[Welcome | Notice | Heartbeat | Reload, Field(discriminator="op")]
CLIENT_MESSAGES: TypeAdapter[Hello | Authenticate] = TypeAdapter(ClientMessage)
SERVER_MESSAGES: TypeAdapter[Welcome | Notice | Heartbeat | Reload] = TypeAdapter(ServerMessage)
