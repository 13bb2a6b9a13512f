"""Cuts a part out of a decoded picture, for digital zoom: only what is seen is scaled afterwards."""

from fractions import Fraction

import av
from av.filter.context import FilterContext
from av.filter.graph import Graph
from av.video.frame import VideoFrame

from common.media.decoding import DecodeError, Picture
from common.media.picture_part import Part


class PictureCropper:
    """libav's crop filter, kept while part, size and format stay: it moves pointers and copies nothing."""

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._ends: tuple[Graph, FilterContext, FilterContext] | None = None

    def cut(self, picture: Picture, part: Part) -> Picture:
        """Return the part of `picture`, itself when that is the whole. Raises DecodeError."""
        if part.whole:
            return picture
        frame = picture.frame
        place = part.in_px(picture.width_px, picture.height_px)
        wanted = (place, frame.width, frame.height, frame.format.name)
        try:
            if self._ends is None or wanted != self._made_for:
                self._ends = _graph(place, frame)
                self._made_for = wanted
            _, source, sink = self._ends
            source.push(frame)
            cut = sink.pull()
        except (av.FFmpegError, ValueError) as broken:
            self._ends = None
            raise DecodeError(f"picture cannot be cut: {broken}") from None
        assert isinstance(cut, VideoFrame)
        return Picture(cut, picture.pts, picture.utc_us)


def _graph(place: tuple[int, int, int, int], frame: VideoFrame) -> tuple[Graph, FilterContext, FilterContext]:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 90_000)
    )
    left, top, width, height = place
    crop = graph.add("crop", f"{width}:{height}:{left}:{top}")
    sink = graph.add("buffersink")
    source.link_to(crop)
    crop.link_to(sink)
    graph.configure()
    return graph, source, sink
