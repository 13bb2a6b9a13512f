"""Playing a GOP backward: decode it forward once, keep what memory allows, show it from its end."""

from collections.abc import Callable, Sequence

from common.media.access_unit import AccessUnit
from common.media.decoding import DecodeError, Picture, PictureScaler, VideoDecoder

MOST_GOP_UNITS = 1500
MOST_GOP_BYTES = 64 * 1024 * 1024


def every_nth(count: int, most: int) -> int:
    """Of `count` pictures keep every n-th so that at most `most` remain."""
    return max(1, -(-count // max(1, most)))


def pictures_backward(
    decoder: VideoDecoder,
    units: Sequence[AccessUnit],
    keep: Callable[[Picture], Picture],
    most: int,
) -> list[Picture]:
    """Decode one GOP and return its pictures latest first: at most `most`, evenly thinned, its first one always kept.

    `keep` makes what is kept small. Units that cannot be decoded end the GOP early: what came before is shown.
    """
    step = every_nth(len(units), most)
    decoder.reset()
    shown: list[Picture] = []
    count = 0
    try:
        for unit in units:
            for picture in decoder.decode(unit):
                if count % step == 0:
                    shown.append(keep(picture))
                count += 1
    except DecodeError:
        decoder.reset()
    else:
        for picture in decoder.drain():
            if count % step == 0:
                shown.append(keep(picture))
            count += 1
    shown.sort(key=lambda picture: picture.utc_us, reverse=True)
    return shown


def most_pictures(width_px: int, height_px: int, budget_bytes: int) -> int:
    """How many YUV 4:2:0 pictures of this size fit into the budget; at least four."""
    return max(4, budget_bytes * 2 // max(1, width_px * height_px * 3))


def keeper(scaler: PictureScaler, width_px: int, height_px: int) -> Callable[[Picture], Picture]:
    """Return what shrinks a picture to the tile that shows it."""

    def keep(picture: Picture) -> Picture:
        return scaler.shrunk(picture, width_px, height_px)

    return keep
