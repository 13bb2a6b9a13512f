"""How the timeline shows each thing: one table of colours, patterns and words, for painting, hints and the legend.

Colours are told apart by brightness too, and nothing by colour alone: each look has its own pattern or place, so that
the timeline can be read with any colour vision and in grey.
"""

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush

from common.ui.theme import colour


@dataclass(frozen=True, slots=True)
class Look:
    """`tint`: a colour token. `top`, `height`: shares of the track. `word`: what the legend calls it."""

    tint: str
    pattern: Qt.BrushStyle
    top: float
    height: float
    word: str

    def brush(self) -> QBrush:
        """In the colours of the current theme."""
        return QBrush(colour(self.tint), self.pattern)


_SOLID, _SLANTED, _DENSE = Qt.BrushStyle.SolidPattern, Qt.BrushStyle.BDiagPattern, Qt.BrushStyle.Dense4Pattern
LOOKS = {
    "recorded": Look("recorded", _SOLID, 0.0, 1.0, "timeline.look_recorded"),
    "recorded_all": Look("edge", _SOLID, 0.0, 1.0, "timeline.look_recorded_all"),
    "audio": Look("audio", _SOLID, 0.72, 0.28, "timeline.look_audio"),
    "gap": Look("line", _SLANTED, 0.0, 1.0, "timeline.look_gap"),
    "lost": Look("alarm", _SOLID, 0.66, 0.34, "timeline.look_lost"),
    "disturbed": Look("warn", _DENSE, 0.66, 0.34, "timeline.look_disturbed"),
    "lock": Look("lock", Qt.BrushStyle.DiagCrossPattern, 0.0, 1.0, "timeline.look_lock"),
    "bookmark": Look("bookmark", _SOLID, 0.0, 1.0, "timeline.look_bookmark"),
    "selection": Look("accent", _SOLID, 0.0, 1.0, "timeline.look_selection"),
}
_LOST = ("network", "device_lost", "recorder_down", "disk_full", "disk_failed", "disk_slow")
_DISTURBED = ("maintenance", "clock")


def gap_look(reason: str) -> Look | None:
    """How a gap of this reason is marked; None: only hatched, because nothing that was asked for is missing."""
    if reason in _LOST:
        return LOOKS["lost"]
    return LOOKS["disturbed"] if reason in _DISTURBED else None
