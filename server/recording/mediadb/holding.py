"""The safety stop: retention that would delete most of a storage waits for a day, or until somebody confirms it.

A clock set to another year, or a retention typed in hours instead of days, looks to a cleaner like any other round.
Lost recordings cannot be had back; a day of late deletion costs nothing but space, which the disk's own ladder guards.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from common.foundation.clock import US_PER_S, UtcUs

log = logging.getLogger(__name__)

HELD = ".deletion-held.json"
HELD_US = 24 * 3600 * US_PER_S
LEAST_SEGMENTS = 20  # of fewer, a large share says nothing


@dataclass(frozen=True, slots=True)
class Held:
    """What waits: `segments` of `of`, since `since_us`."""

    since_us: UtcUs
    segments: int
    of: int
    confirmed: bool = False


class SafetyStop:
    """Of one storage. The state is a file beside the recordings, so it outlives a restart."""

    def __init__(self, root: Path) -> None:
        self._path = root / HELD

    def held(self) -> Held | None:
        """What waits now; None when nothing does. Raises OSError."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return Held(UtcUs(found["since_us"]), found["segments"], found["of"], found["confirmed"] is True)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            log.warning("held deletion not known", extra={"path": str(self._path), "reason": str(error)})
            return None

    def confirm(self) -> bool:
        """Let what waits be deleted; False when nothing waits. Raises OSError."""
        held = self.held()
        if held is not None:
            self._write(Held(held.since_us, held.segments, held.of, True))
        return held is not None

    def allows(self, segments: int, of: int, now: UtcUs) -> tuple[bool, Held | None]:
        """Whether `segments` of `of` may be deleted now; and what began to wait, when it did just now."""
        if segments < LEAST_SEGMENTS or segments * 2 <= of:
            self._path.unlink(missing_ok=True)
            return True, None
        held = self.held()
        if held is not None and held.confirmed:
            return True, None
        if held is None or held.since_us > now:  # the clock was set back since
            held = Held(now, segments, of)
            self._write(held)
            return False, held
        return now - held.since_us >= HELD_US, None

    def _write(self, held: Held) -> None:
        made = self._path.with_suffix(".new")
        state = {"since_us": held.since_us, "segments": held.segments, "of": held.of, "confirmed": held.confirmed}
        made.write_text(json.dumps(state) + "\n", encoding="utf-8")
        made.replace(self._path)
