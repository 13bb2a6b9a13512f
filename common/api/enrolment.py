"""How a daemon joins a site, and what it tells management afterwards.

`POST /api/internal/v1/enrol` with EnrolRequest answers 200 with EnrolReply; 403 when the one-time token is not, or no
longer, valid. The token stands in `<data>/enrolment-token` on the management server's machine, or an administrator
creates one with `POST /api/internal/v1/enrolment-tokens`. With `client_id` and `client_secret` the daemon gets its own
access tokens from `POST /idp/connect/token` (`grant_type=client_credentials`).

`POST /api/internal/v1/recorders/{id}/status` with RecorderStatus, every ten seconds, answers 204.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.api.storage_status import MOST_STAGES, StageStatus

STATUS_EVERY_S = 10.0
Port = Annotated[int, Field(ge=1, le=65_535)]
Host = Annotated[str, Field(min_length=1, max_length=253)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EnrolRequest(_Message):
    """A daemon asks to join. `hosts`: names and addresses it is reached by, the one to show first."""

    token: str = Field(max_length=200)
    csr_pem: str = Field(max_length=16_384)
    name: str = Field(min_length=1, max_length=255)
    kind: Literal["recording"] = "recording"
    media_port: Port
    hosts: tuple[Host, ...] = Field(min_length=1, max_length=32)


class EnrolReply(_Message):
    """The daemon's identity; it keeps all of this on its own disk."""

    id: str
    certificate_pem: str
    ca_pem: str
    client_id: str
    client_secret: str
    issuer: str


class RenewRequest(_Message):
    """A daemon's certificate runs out or its addresses changed: `POST /api/internal/v1/recorders/{id}/certificate`."""

    csr_pem: str = Field(max_length=16_384)
    hosts: tuple[Host, ...] = Field(min_length=1, max_length=32)


class RenewReply(_Message):
    certificate_pem: str
    ca_pem: str


class RecorderStatus(_Message):
    """A recorder is alive, and where."""

    address: Host
    port: Port
    version: str = Field(default="", max_length=64)
    storages: tuple[StageStatus, ...] = Field(default=(), max_length=MOST_STAGES)
