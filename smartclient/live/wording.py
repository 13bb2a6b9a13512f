"""What a tile says when it has no picture, or an old one."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from common.foundation.clock import US_PER_S
from common.ui.dates import written
from common.ui.words import words
from smartclient.video.feed import FeedQuality, FeedState
from smartclient.video.quality import Level

OLD_AFTER_US = 2 * US_PER_S
LOOK_US = US_PER_S // 4
"""How often a tile looks at its age: it says that a picture is old before it is, never after."""


@dataclass(frozen=True, slots=True)
class TileWords:
    """`headline` and `detail` in the middle of the tile; "" shows the picture alone."""

    headline: str = ""
    detail: str = ""
    tone: str = "muted"
    covers: bool = False  # the picture is not to be shown below it


def clock_time(at_us: int, zone: tzinfo | None = None, seconds: bool = False) -> str:
    """A time of day; with the date when it was not today."""
    moment = datetime.fromtimestamp(at_us / US_PER_S, zone).astimezone(zone)
    pattern = "%H:%M:%S" if seconds else "%H:%M"
    if moment.date() != datetime.now(zone).astimezone(zone).date():
        pattern = "%d %b " + pattern
    return written(moment, pattern)


def age_text(age_us: int) -> str:
    """How old a picture is, in the largest unit that fits."""
    seconds = max(0, age_us // US_PER_S)
    if seconds < 120:
        return words("smart.seconds", n=seconds)
    if seconds < 2 * 3600:
        return words("smart.minutes", n=seconds // 60)
    if seconds < 48 * 3600:
        return words("smart.hours", n=seconds // 3600)
    return words("smart.days", n=seconds // 86_400)


def live_words(
    state: FeedState,
    has_picture: bool,
    now_us: int,
    recorder_name: str,
    *,
    age_us: int = 0,
    quality: FeedQuality | None = None,
) -> TileWords:
    """Say what is wrong with a live tile; `now_us` is the monotonic clock, `age_us` not 0 when its picture is old."""
    if not state.recorder_connected:
        wait_s = max(0, -(-(state.retry_us - now_us) // US_PER_S))
        again = words("smart.reconnecting_in", n=wait_s) if wait_s else words("smart.reconnecting")
        return TileWords(words("smart.recorder_lost", name=recorder_name), again, "alarm")
    match state.state:
        case "lost":
            since = clock_time(state.since_us) if state.since_us else ""
            head = words("smart.no_signal_since", time=since) if since else words("smart.no_signal")
            return TileWords(head, state.reason or words("smart.retrying"), "warn")
        case "stopped":
            return TileWords(words("smart.stopped"), state.reason or words("smart.stopped_hint"), "muted", covers=True)
        case "refused":
            return refusal(state)
        case "broken":
            return TileWords(words("smart.broken"), words("smart.broken_hint", detail=state.reason), "warn")
        case "restarting":
            return TileWords(words("smart.decoder_restarts"), words("smart.decoder_restarts_hint"))
        case "poisonous":
            hint = words("smart.poisonous_hint", n=state.reason, seconds=state.code)
            return TileWords(words("smart.poisonous"), hint, "warn")
    if not has_picture:
        return TileWords(words("smart.connecting"), state.reason if state.state == "connecting" else "")
    if age_us:
        return TileWords(words("smart.old_picture", age=age_text(age_us)), _why_old(state, quality), "warn")
    return TileWords()


def _why_old(state: FeedState, quality: FeedQuality | None) -> str:
    if state.state == "connecting":
        return state.reason or words("smart.old_connecting")
    if quality is not None and quality.level is Level.KEYFRAMES:
        return words("smart.quality_keyframes_hint")
    return words("smart.old_no_newer")


def quality_words(quality: FeedQuality | None) -> tuple[str, str]:
    """The badge of a live tile and its colour: nothing for the camera's first stream in full."""
    if quality is None:
        return "", "muted"
    match quality.level:
        case Level.SMALLER:
            return words("smart.quality_smaller"), "warn"
        case Level.THINNED:
            return words("smart.quality_thinned"), "warn"
        case Level.KEYFRAMES:
            return words("smart.quality_keyframes"), "warn"
    return (words("smart.quality_sub"), "muted") if quality.track == "secondary" else ("", "muted")


def quality_hint(quality: FeedQuality) -> str:
    """What stands behind the badge: stream, size, and why less is decoded."""
    size = f"{quality.width_px}\u00d7{quality.height_px}"
    stream = words("smart.stream_second" if quality.track == "secondary" else "smart.stream_first", size=size)
    match quality.level:
        case Level.SMALLER:
            return f"{stream}\n{words('smart.quality_smaller_hint')}"
        case Level.THINNED:
            return f"{stream}\n{words('smart.quality_thinned_hint')}"
        case Level.KEYFRAMES:
            return f"{stream}\n{words('smart.quality_keyframes_hint')}"
    return stream


def refusal(state: FeedState) -> TileWords:
    """Why the recorder will not send this camera."""
    match state.code:
        case "not_permitted":
            return TileWords(words("smart.not_permitted"), words("smart.not_permitted_hint"), "warn", covers=True)
        case "not_found":
            return TileWords(words("smart.not_found"), words("smart.not_found_hint"), "warn", covers=True)
        case "no_recorder":
            return TileWords(words("smart.no_recorder"), words("smart.no_recorder_hint"), "warn", covers=True)
    return TileWords(words("smart.refused"), state.reason, "warn")


def recorded_words(
    state: FeedState, has_picture: bool, now_us: int, recorder_name: str, gap: tuple[int, int | None] | None
) -> TileWords:
    """Say what a tile of recordings lacks; `gap` is the one that covers the playhead."""
    if not state.recorder_connected or state.state in ("refused", "broken"):
        return live_words(state, has_picture, now_us, recorder_name)
    if gap is not None:
        following = gap[1]
        hint = (
            words("smart.no_recording_later")
            if following is None
            else words("smart.next_recording_at", time=clock_time(following, seconds=True))
        )
        return TileWords(words("smart.no_recording"), hint, covers=True)
    if not has_picture:
        return TileWords(words("smart.loading"))
    return TileWords()
