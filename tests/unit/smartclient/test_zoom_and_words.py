"""Digital zoom keeps what is under the pointer; old pictures and badges say why."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import US_PER_S, UtcUs
from common.media.cropping import PictureCropper
from common.media.decoding import Picture, PictureScaler
from common.media.picture_part import Part
from smartclient.live.wording import live_words, quality_hint, quality_words
from smartclient.live.zoom import MOST, Zoom
from smartclient.video.feed import FeedQuality, FeedState
from smartclient.video.quality import Level

SHARES = st.floats(0, 1)


@given(SHARES, SHARES, st.lists(st.floats(-10, 10), max_size=10), SHARES, SHARES)
def test_the_shown_part_stays_inside_the_picture(
    x: float, y: float, notches: list[float], dx: float, dy: float
) -> None:
    zoom = Zoom()
    for each in notches:
        zoom = zoom.by(each, x, y).moved(dx - 0.5, dy - 0.5)
        part = zoom.part
        assert 1.0 <= zoom.times <= MOST
        assert -1e-9 <= part.left <= 1 - part.width + 1e-9
        assert -1e-9 <= part.top <= 1 - part.height + 1e-9


def test_what_is_under_the_pointer_stays_there() -> None:
    zoom = Zoom().by(2, 0.5, 0.5)
    before = zoom.left + 0.3 / zoom.times
    after = zoom.by(1, 0.3, 0.6)
    assert after.left + 0.3 / after.times == pytest.approx(before)
    assert not zoom.by(-2, 0.5, 0.5).active


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p", "nv12"])
def test_a_part_of_the_picture_is_cut_out(pixels: str) -> None:
    seen = np.zeros((180, 320, 3), np.uint8)
    seen[90:, 160:] = 255  # the lower right quarter is white
    frame = av.VideoFrame.from_ndarray(seen, format="rgb24").reformat(format=pixels)
    cropper, scaler = PictureCropper(), PictureScaler()
    picture = Picture(frame, 0, UtcUs(1))

    def shown(part: Part) -> int:
        out = bytearray(64 * 36 * 4)
        scaler.bgra_into(cropper.cut(picture, part), 64, 36, memoryview(out))
        return int(np.frombuffer(out, np.uint8).reshape(36, 64, 4)[4:-4, 4:-4, :3].mean())

    assert shown(Part(0.5, 0.5, 0.5, 0.5)) > 230
    assert shown(Part(0.0, 0.0, 0.5, 0.5)) < 25
    assert cropper.cut(picture, Part()) is picture


def test_an_old_picture_says_its_age_and_why() -> None:
    live = FeedState("live")
    assert live_words(live, True, 0, "R").headline == ""
    old = live_words(live, True, 0, "R", age_us=5 * US_PER_S)
    assert "5 s old" in old.headline
    assert "No newer picture" in old.detail
    slow = FeedQuality("primary", 1920, 1080, Level.KEYFRAMES)
    assert "only keyframes" in live_words(live, True, 0, "R", age_us=5 * US_PER_S, quality=slow).detail
    assert live_words(FeedState("restarting"), True, 0, "R").headline
    assert "3 times" in live_words(FeedState("poisonous", reason="3", code="30"), True, 0, "R").detail


def test_badges_are_quiet_until_the_computer_is_overloaded() -> None:
    assert quality_words(None) == ("", "muted")
    assert quality_words(FeedQuality("primary", 1920, 1080)) == ("", "muted")
    assert quality_words(FeedQuality("secondary", 640, 360))[1] == "muted"
    for level in (Level.SMALLER, Level.THINNED, Level.KEYFRAMES):
        quality = FeedQuality("secondary", 640, 360, level)
        assert quality_words(quality)[1] == "warn"
        assert "cannot decode all tiles" in quality_hint(quality)
