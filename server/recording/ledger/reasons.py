"""Why something is not recorded: the words of the recording-proof ledger, and which of two causes is told first."""

from dataclasses import dataclass
from enum import StrEnum

from common.foundation.clock import UtcUs


class Reason(StrEnum):
    """What kept a stretch of time from being recorded. The values are in the ledger and on the media channel."""

    STOPPED = "stopped"  # disabled by an administrator
    POLICY = "policy"  # recording is switched off, nothing asked for it, or the device was not configured
    NETWORK = "network"  # the device could not be reached, or its pictures did not come
    DEVICE_LOST = "device_lost"  # it refused us, closed the connection or fell silent
    DISK_FULL = "disk_full"
    DISK_FAILED = "disk_failed"
    DISK_SLOW = "disk_slow"  # the disk did not keep up, and whole GOPs were dropped
    CLOCK = "clock"  # the recorder's clock was set
    MAINTENANCE = "maintenance"  # the recorder was stopped in an orderly way, or settings of the device changed
    RECORDER_DOWN = "recorder_down"  # it was killed, crashed, hung or lost power
    DELETED = "deleted"  # it was recorded, and is kept no longer


ASSIGNED = "assigned"
"""Entry of the ledger: the device belonged to this engine. What it stops short of has a reason by itself."""
CONNECTING = "connecting"
"""Entry of the ledger: the first connection after a start. It is counted to what made it necessary."""
SET_BACK = "set_back"
"""Entry of the ledger: the clock was set back over this time, and running tracks went on in their later time."""

_FIRST = (
    Reason.STOPPED,
    Reason.POLICY,
    Reason.NETWORK,
    Reason.DEVICE_LOST,
    Reason.DISK_FAILED,
    Reason.DISK_FULL,
    Reason.DISK_SLOW,
    Reason.CLOCK,
    CONNECTING,
)
_RANK = {str(reason): number for number, reason in enumerate(_FIRST)}

NOT_EXPECTED = frozenset({Reason.STOPPED, Reason.POLICY, Reason.DELETED})
"""Nothing is missing then: `percent_recorded` does not count these."""


def rank(reason: str) -> int:
    """Of several causes at one time the one of least rank is told: a camera that is disabled is not lost."""
    return _RANK.get(reason, len(_RANK))


@dataclass(frozen=True, slots=True)
class Gap:
    """`start <= t < end` is not recorded. `detail`: a sentence for a person, or empty."""

    start: UtcUs
    end: UtcUs
    reason: Reason
    detail: str = ""
