"""Which events a client has subscribed to. Pure functions."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.api.site_events import SiteEvent

ALL = "*"
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=20_000)]


class EventFilter(BaseModel):
    """One rule. All of its lists must match; `*` is everything, an absent or empty list too."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    modifier: Literal["include", "exclude"]
    resource_types: Names = Field(default=[], alias="resourceTypes")
    source_ids: Names = Field(default=[], alias="sourceIds")
    event_types: Names = Field(default=[], alias="eventTypes")


class Subscription:
    """Rules in their order: the last one that matches counts, and none means that the event is not wanted."""

    def __init__(self, filters: Sequence[EventFilter]) -> None:
        self._rules = tuple(
            (
                each.modifier == "include",
                _matcher(each.resource_types),
                _matcher(each.source_ids),
                _matcher(each.event_types),
            )
            for each in filters
        )

    def wants(self, event: SiteEvent) -> bool:
        for include, resources, sources, types in reversed(self._rules):
            if (
                (resources is None or event.source.lower() in resources)
                and (sources is None or event.source_id in sources)
                and (types is None or event.type in types)
            ):
                return include
        return False


def _matcher(names: Sequence[str]) -> frozenset[str] | None:
    """What a list names, in lower case; None: everything."""
    return None if not names or ALL in names else frozenset(name.lower() for name in names)
