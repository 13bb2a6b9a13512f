"""What clients of the Events and State WebSocket say, and what they are answered (JSON texts)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from common.api.site_events import SiteEvent
from server.management.events.filters import EventFilter

PATH = "/api/ws/events/v1"
SUBPROTOCOL = "EventsAndStateWebSocketApi"
Id = Annotated[str, Field(max_length=100)]


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int | str = Field(alias="commandId")


class Authenticate(_Command):
    """Sign in, where the upgrade's headers could not."""

    command: Literal["authenticate"]
    token: Annotated[str, Field(max_length=20_000)] = Field(repr=False)


class StartSession(_Command):
    """Begin (both empty), or take up a session whose connection was lost, behind the last event that came through."""

    command: Literal["startSession"]
    session_id: Id = Field(default="", alias="sessionId")
    event_id: Id = Field(default="", alias="eventId")


class AddSubscription(_Command):
    """Ask for events; a known `subscriptionId` is replaced."""

    command: Literal["addSubscription"]
    filters: Annotated[list[EventFilter], Field(min_length=1, max_length=100)]
    subscription_id: Id = Field(default="", alias="subscriptionId")


class RemoveSubscription(_Command):
    """Ask for them no more."""

    command: Literal["removeSubscription"]
    subscription_id: Id = Field(alias="subscriptionId")


class GetState(_Command):
    """Ask for the state that everything subscribed to is in."""

    command: Literal["getState"]


Command = Authenticate | StartSession | AddSubscription | RemoveSubscription | GetState
COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


def answer(command: object, status: int, **more: object) -> dict[str, Any]:
    """What every command is answered with."""
    return {"commandId": command, "status": status, **more}


def refusal(command: object, status: int, why: str) -> dict[str, Any]:
    """The answer to a command that could not be followed."""
    return answer(command, status, error={"errorText": why})


def shown(event: SiteEvent) -> dict[str, Any]:
    """An event as it is told: a CloudEvent (CNCF, 1.0) with the state group it belongs to."""
    at = datetime.fromtimestamp(event.at_us / 1e6, UTC)
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"{event.source}/{event.source_id}",
        "type": event.type,
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if event.state_group is not None:
        told["stategroupid"] = event.state_group
    if event.reason:
        told |= {"datacontenttype": "application/json", "data": {"description": event.reason}}
    return told
