"""Which of several management servers serves: asked without signing in."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

STATE_PATH = "/api/.well-known/vedette-state"
STANDBY_HEADER = "X-Vedette-Standby"
"""Every answer (503) of a server that stands by has it: the address of the one that serves, `-` when none does."""


class ServingState(BaseModel):
    """`active`: this server serves, or (standing by) the address of the one that does, if known."""

    model_config = ConfigDict(frozen=True)

    state: Literal["active", "standby"]
    active: str = ""
