"""Whether a storage works, and when one that did not is believed again."""

import threading
from collections.abc import Callable

from common.foundation.clock import Clock

FIRST_HOLD_S = 10.0
MOST_HOLD_S = 600.0
_STEADY_S = 3600.0  # a storage that worked this long is trusted as at the beginning


class Health:
    """One storage as an engine sees it. Use on one event loop.

    After a failure it is tried now and then in a thread of its own, since a disk may not answer at all. Each failure
    that comes soon after the last doubles the time before it is believed again, so that devices do not go back and
    forth with a disk that comes and goes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.good = True
        self.reason = ""
        self._hold_s = FIRST_HOLD_S
        self._good_since_s = clock.monotonic_s()
        self._try_at_s = 0.0
        self._trial: _Trial | None = None

    def failed(self, reason: str) -> None:
        """Writing failed, or the disk did not keep up."""
        now_s = self._clock.monotonic_s()
        if self.good:
            lasted_s = now_s - self._good_since_s
            self._hold_s = FIRST_HOLD_S if lasted_s > _STEADY_S else min(self._hold_s * 2, MOST_HOLD_S)
        self.good, self.reason = False, reason
        self._try_at_s = now_s + self._hold_s

    def works(self) -> None:
        """Something was written while nobody had gone elsewhere."""
        if not self.good:
            self.good, self.reason = True, ""
            self._good_since_s = self._clock.monotonic_s()

    def recovered(self, attempt: Callable[[], bool]) -> bool:
        """Ask again and again: whether the storage may be used again. `attempt` runs in a thread and says whether
        something could be written; there is never more than one."""
        if self.good:
            return True
        now_s = self._clock.monotonic_s()
        if self._trial is None:
            if now_s >= self._try_at_s:
                self._trial = _Trial(attempt)
            return False
        if not self._trial.done:
            return False
        worked, self._trial = self._trial.worked, None
        if worked:
            self.works()
        else:
            self._try_at_s = now_s + FIRST_HOLD_S
        return worked


class _Trial:
    """An attempt in a thread that nobody waits for."""

    def __init__(self, attempt: Callable[[], bool]) -> None:
        self.worked = False
        self.done = False
        self._attempt = attempt
        threading.Thread(target=self._run, name="storage trial", daemon=True).start()

    def _run(self) -> None:
        try:
            self.worked = self._attempt()
        finally:
            self.done = True
