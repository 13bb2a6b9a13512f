"""Where recordings lie, for readers of whole files: export copies them without touching single pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from common.foundation.clock import UtcUs
from common.media.access_unit import CodecConfig
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.fragments import FragmentTable


@dataclass(frozen=True, slots=True)
class FragmentPlace:
    """One fragment of a segment: when it is shown, where it lies, and whether it begins a GOP."""

    start: UtcUs
    end: UtcUs
    offset: int
    size_bytes: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """Whole GOPs of one segment. `init_bytes`: what stands before the first fragment of the file."""

    path: Path
    config: CodecConfig
    origin_ticks: int
    init_bytes: int
    fragments: tuple[FragmentPlace, ...]

    @property
    def size_bytes(self) -> int:
        return sum(fragment.size_bytes for fragment in self.fragments)


@runtime_checkable
class ExtentReader(Protocol):
    """A MediaReader that can also say where plain, local files hold the recordings."""

    def extents(self, key: TrackKey, span: Span) -> Sequence[Extent] | None:
        """The GOPs that meet `span`, oldest first. None: not all of them lie in local files that are not encrypted."""


def places(table: FragmentTable, span: Span, clipped_at: int | None) -> tuple[FragmentPlace, ...]:
    """The fragments of a segment's GOPs that meet `span`. `clipped_at`: where the next segment starts."""
    found: list[FragmentPlace] = []
    for gop in range(table.gop_from(span.start) or 0, len(table.gops)):
        fragments = table.gop_fragments(gop)
        if table.starts[fragments[0]] >= span.end:
            break
        end = table.ends[fragments[-1]]
        if clipped_at is not None:
            end = min(end, clipped_at)
        if end <= span.start:
            continue
        for index in fragments:
            found.append(
                FragmentPlace(
                    UtcUs(table.starts[index]),
                    UtcUs(table.ends[index]),
                    table.offsets[index],
                    table.sizes[index],
                    index == fragments[0],
                )
            )
    return tuple(found)
