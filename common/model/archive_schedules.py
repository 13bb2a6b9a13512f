"""When an archive takes what is due: at times of day, on all days or some."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_SCHEDULES = 48


class ArchiveSchedule(BaseModel):
    """`Daily` at `start_time`, local time of the recording server; or `Weekly`, on `weekdays` only."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)
    frequency_type: Literal["Daily", "Weekly"] = "Daily"
    start_time: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    weekdays: Annotated[tuple[Weekday, ...], Field(max_length=7)] = ()

    @model_validator(mode="after")
    def _has_its_days(self) -> "ArchiveSchedule":
        if (self.frequency_type == "Weekly") != bool(self.weekdays):
            raise ValueError("Weekly needs weekdays, Daily has none")
        return self

    def times(self) -> tuple[str, ...]:
        """As recorders are told: `HH:MM`, or `N HH:MM` with the weekday, 1 = Monday (ISO 8601)."""
        if self.frequency_type == "Daily":
            return (self.start_time,)
        return tuple(f"{WEEKDAYS.index(day) + 1} {self.start_time}" for day in self.weekdays)
