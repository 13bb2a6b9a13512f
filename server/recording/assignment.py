"""Which engine has which hardware: spread evenly, and left where it is when something else changes."""

import zlib
from collections.abc import Iterable, Mapping

from common.foundation.ids import HardwareId


def spread(hardware: Iterable[HardwareId], before: Mapping[HardwareId, int], engines: int) -> dict[HardwareId, int]:
    """Give each piece of hardware the number of an engine, 0 to `engines` - 1.

    What had an engine `before` keeps it. The rest goes to the engine with the least, among equals by a hash of its id,
    so that the same hardware is spread in the same way after a restart.
    """
    wanted = sorted(set(hardware))
    placed = {item: before[item] for item in wanted if before.get(item, engines) < engines}
    load = [0] * engines
    for engine in placed.values():
        load[engine] += 1
    for item in wanted:
        if item not in placed:
            first = zlib.crc32(item.encode()) % engines
            engine = min(range(engines), key=lambda number: (load[number], (number - first) % engines))
            placed[item] = engine
            load[engine] += 1
    return placed
