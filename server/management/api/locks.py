"""When a locked account may be tried again, for those who look at it."""

from collections.abc import Callable

from common.foundation.clock import UtcUs
from server.management.identity.accounts import name_key
from server.management.services import Services


def lock_end(services: Services) -> Callable[[str], UtcUs | None]:
    """Return a function that says until when a basic user's name is locked; None: it is not."""

    def of_name(name: str) -> UtcUs | None:
        left_s = services.lockout.remaining_s(name_key(name))
        return UtcUs(services.clock.now_us() + round(left_s * 1e6)) if left_s > 0 else None

    return of_name
