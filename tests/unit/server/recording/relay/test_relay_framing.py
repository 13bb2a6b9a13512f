"""Frames between engine and gateway."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.errors import ProtocolError
from server.recording.relay.framing import BINARY, FrameReader, prefix, text_frame


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5), st.integers(1, 50))
def test_frames_do_not_depend_on_how_the_stream_is_cut(texts: list[str], step: int) -> None:
    wire, reader = b"".join(map(text_frame, texts)), FrameReader()
    frames = [frame for at in range(0, len(wire), step) for frame in reader.feed(wire[at : at + step])]
    assert frames == [(0, text.encode()) for text in texts]


@pytest.mark.parametrize("wire", [prefix(2, 1), prefix(BINARY, 2**31)])
def test_what_starts_no_frame_is_refused(wire: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrameReader().feed(wire)
