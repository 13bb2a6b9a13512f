"""A clock that a test moves by hand."""

from common.foundation.clock import US_PER_S, UtcUs

START_US = 1_700_000_000 * US_PER_S


class HandClock:
    """Wall and monotonic time, moved by hand."""

    def __init__(self) -> None:
        self.wall_us = START_US
        self.passed_us = 0

    def now_us(self) -> UtcUs:
        return UtcUs(self.wall_us)

    def monotonic_s(self) -> float:
        return self.passed_us / US_PER_S

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def pass_by(self, us: int) -> None:
        self.wall_us += us
        self.passed_us += us
