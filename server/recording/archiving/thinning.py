"""Choosing the pictures that grooming keeps. No I/O."""

from collections.abc import Sequence

from common.foundation.clock import US_PER_S
from common.media.access_unit import AccessUnit, Codec
from server.recording.archiving.layers import BASE, tier_of

_TOLERANCE = 1.02  # clocks of cameras are not exact


class KeyframesOnly:
    """Keeps what decodes alone."""

    def choose(self, gop: Sequence[AccessUnit], duration_us: int) -> list[AccessUnit]:
        return [unit for unit in gop if unit.keyframe]


class FrameRate:
    """Keeps at most `fps` pictures a second, spread evenly, where the stream allows it; else keyframes only, and no
    more of them either. One for each segment: it remembers the last picture that it kept."""

    def __init__(self, fps: float, codec: Codec) -> None:
        self._fps = fps
        self._codec = codec
        self._last_slot: int | None = None

    def choose(self, gop: Sequence[AccessUnit], duration_us: int) -> list[AccessUnit]:
        """Of a whole GOP in decoding order, which lasts `duration_us`; empty when not even its keyframe is wanted."""
        most = max(1.0, self._fps * duration_us / US_PER_S) * _TOLERANCE
        if len(gop) > most:
            return self._thinned(gop, most)
        self._last_slot = max(map(self._slot, gop))
        return list(gop)

    def _thinned(self, gop: Sequence[AccessUnit], most: float) -> list[AccessUnit]:
        tiers = {id(unit): tier_of(unit, self._codec) for unit in gop}
        order = sorted(set(tiers.values()) | {BASE})
        fitting = [tier for tier in order if sum(found <= tier for found in tiers.values()) <= most]
        if not fitting or all(unit.keyframe for unit in gop):
            return self._keyframes(gop)
        kept = {id(unit) for unit in gop if tiers[id(unit)] <= fitting[-1]}
        following = order[len(fitting)]  # there is one, or all would have fitted
        if following.disposable:
            taken = {self._slot(unit) for unit in gop if id(unit) in kept}
            for unit in sorted(gop, key=lambda unit: unit.utc_us):
                if tiers[id(unit)] == following and (slot := self._slot(unit)) not in taken and len(kept) + 1 <= most:
                    taken.add(slot)
                    kept.add(id(unit))
        chosen = [unit for unit in gop if id(unit) in kept]
        self._last_slot = max(map(self._slot, chosen))
        return chosen

    def _keyframes(self, gop: Sequence[AccessUnit]) -> list[AccessUnit]:
        chosen = []
        for unit in gop:
            if unit.keyframe and (self._last_slot is None or self._slot(unit) > self._last_slot):
                self._last_slot = self._slot(unit)
                chosen.append(unit)
        return chosen

    def _slot(self, unit: AccessUnit) -> int:
        return int(unit.utc_us * self._fps) // US_PER_S
