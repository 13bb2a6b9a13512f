"""The words for times in the client's language, from its catalogue."""

from common.ui.words import words
from smartclient.playback.go_to import Vocabulary

_MEANINGS = (
    *("now", "today", "yesterday", "last", "at", "am", "pm", "s", "m", "h", "d", "w"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)


def vocabulary() -> Vocabulary:
    """Return what may be typed in the client's language. Each text is a list of words with `|` between them."""
    plain = {word: meaning for meaning in _MEANINGS for word in _words(meaning)}
    return Vocabulary(plain, _words("ago_before"), _words("ago_after"))


def _words(meaning: str) -> tuple[str, ...]:
    said = words(f"timeline.word_{meaning}").casefold()
    return tuple(word for word in said.split("|") if word)
