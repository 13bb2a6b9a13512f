"""Which of a camera's streams a live tile takes: the smallest that fills it, but not a new one at each resize."""

from common.media.access_unit import PRIMARY, SECONDARY, TrackName
from common.media.decoding import fit_px

_LIKELY_SMALL_PX = (640, 360)  # until the smaller stream has said its size
_UP_FROM = 1.25  # enlarged by more than that, the smaller stream looks soft
_DOWN_FROM = 1.05
_TRY_AGAIN_S = 60.0


class StreamChoice:
    """One tile's. `fixed` names the only stream that is wanted, "" lets the size decide."""

    def __init__(self, fixed: str = "") -> None:
        self._fixed = TrackName(fixed) if fixed else None
        self._small_px = _LIKELY_SMALL_PX
        self._avoid_until_s = 0.0
        self._known_px: tuple[int, int] | None = None
        self.now = self._fixed or PRIMARY

    @property
    def has_smaller(self) -> bool:
        """Whether there is, as far as is known, a smaller stream."""
        return self._fixed is None and self._avoid_until_s != float("inf")

    def learn(self, track: TrackName, width_px: int, height_px: int) -> None:
        """A stream has said its size."""
        if track == SECONDARY and width_px > 0 and height_px > 0:
            self._small_px = (width_px, height_px)
        elif track == PRIMARY:
            self._known_px = (width_px, height_px)

    def missing(self, track: TrackName) -> None:
        """The recorder knows no such stream."""
        if track == SECONDARY:
            self._avoid_until_s = float("inf")

    def silent(self, track: TrackName, now_s: float) -> None:
        """The smaller stream sends nothing: take the other for a while."""
        if track == SECONDARY and self._fixed is None:
            self._avoid_until_s = max(self._avoid_until_s, now_s + _TRY_AGAIN_S)

    def choose(self, box_px: tuple[int, int], share: float, smaller: bool, now_s: float) -> TrackName:
        """Return the stream for a tile of that many device pixels that shows `share` of the picture's width.
        `smaller`: the smaller one, if there is one, because the computer is overloaded."""
        if self._fixed is not None:
            return self._fixed
        if now_s < self._avoid_until_s:
            self.now = PRIMARY
        elif smaller:
            self.now = SECONDARY
        else:
            wide_px = fit_px(self._known_px or self._small_px, box_px)[0] / max(share, 0.01)
            enlarged = wide_px / self._small_px[0]
            limit = _UP_FROM if self.now == SECONDARY else _DOWN_FROM
            self.now = SECONDARY if enlarged <= limit else PRIMARY
        return self.now
