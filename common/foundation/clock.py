"""Wall time, intervals and sleeping, handed in as one object so that tests move time by hand."""

import asyncio
import time
from datetime import UTC, datetime
from typing import NewType, Protocol

UtcUs = NewType("UtcUs", int)
"""Wall time: whole microseconds since 1970-01-01 UTC. Exact in JSON and JavaScript (below 2**53)."""

US_PER_S = 1_000_000


class Clock(Protocol):
    """What a part may ask of time. Intervals use `monotonic_s`, never differences of `now_us`."""

    def now_us(self) -> UtcUs: ...

    def monotonic_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> UtcUs:
        return UtcUs(time.time_ns() // 1000)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def utc_us(moment: datetime) -> UtcUs:
    """Convert an aware datetime, exactly to the microsecond."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a zone has no UTC time")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return UtcUs((delta.days * 86_400 + delta.seconds) * US_PER_S + delta.microseconds)


def iso_utc(at: UtcUs) -> str:
    """Write wall time as ISO 8601 with milliseconds and `Z`, for logs and error texts."""
    seconds, us = divmod(at, US_PER_S)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{us // 1000:03d}Z"
