"""Reads what an operator types to go to a time: "14:03", "yesterday 14:03:27", "-1h30m", "2026-03-14 14:03 +01:00"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from common.foundation.errors import VmsError


class NoSuchTime(VmsError):
    """What was typed is no time, or a local time that does not exist."""

    message_key = "smart.no_such_time"


_UNITS_S = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_PART = re.compile(r"(\d{1,9}(?:[.,]\d{1,6})?)\s*([^\W\d_]+)\s*")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6}))?)?(?:\s*(am|pm))?")
_OFFSET = re.compile(r"(.*:\d{2}(?:[.,]\d{1,6})?)\s*([+-])(\d{2}):?(\d{2})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST = 80
_MOST_PARTS = 5


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words beside the English ones, which are always understood: the client's language. Lower case.

    `plain`: a word to its English one ("gestern" to "yesterday", "std" to "h"). `ago_before`, `ago_after`: what says
    that a length of time is meant backward, before it ("vor") or after it ("ago").
    """

    plain: Mapping[str, str]
    ago_before: tuple[str, ...] = ()
    ago_after: tuple[str, ...] = ("ago",)


ENGLISH = Vocabulary({})


def parse_go_to(
    typed: str, now: UtcUs, playhead: UtcUs, zone: tzinfo | None = None, language: Vocabulary = ENGLISH
) -> UtcUs:
    """Return the time that `typed` means in `zone` (None: this computer's).

    "-10m" counts from the playhead, "10 min ago" from now; "14:03" is the last time that it was 14:03; a day alone
    starts at midnight; of a time that came twice when summer time ended, the first, unless an offset says which.
    Raises NoSuchTime that says what can be typed.
    """
    said = " ".join(typed.split()).lower()[:_LONGEST]
    said = " ".join(language.plain.get(word, word) for word in said.split())
    if said in ("now", "live"):
        return now
    try:
        at = _relative(said, now, playhead, language)
        return _checked(at if at is not None else _absolute(said, now, zone), typed)
    except (ValueError, OverflowError):
        raise NoSuchTime(f"not a time: {typed[:_LONGEST]}", typed=typed[:_LONGEST]) from None


def _relative(said: str, now: UtcUs, playhead: UtcUs, language: Vocabulary) -> int | None:
    for word in language.ago_before:
        if said.startswith(word + " "):
            return now - _length_us(said[len(word) :], language)
    for word in (*language.ago_after, *ENGLISH.ago_after):
        if said.endswith(" " + word):
            return now - _length_us(said[: -len(word)], language)
    if said[:1] in ("+", "-", "−"):
        length_us = _length_us(said[1:], language)
        return playhead + (length_us if said[0] == "+" else -length_us)
    return None


def _length_us(said: str, language: Vocabulary) -> int:
    """A length such as "1h30m" or "10 min"; raise ValueError."""
    said, total_us, at = said.strip(), 0, 0
    for _ in range(_MOST_PARTS):
        part = _PART.match(said, at)
        if part is None:
            break
        unit = language.plain.get(part[2], part[2])
        if unit not in _UNITS_S:
            raise ValueError(said)
        total_us += round(float(part[1].replace(",", ".")) * _UNITS_S[unit] * US_PER_S)
        at = part.end()
    if at == 0 or at != len(said):
        raise ValueError(said)
    return total_us


def _absolute(said: str, now: UtcUs, zone: tzinfo | None) -> int:
    if re.match(r"\d{4}-\d{1,2}-\d{1,2}t", said):
        said = said.replace("t", " ", 1)
    zone, words = _own_zone(said, zone)
    found = [match for match in _CLOCK.finditer(words) if _stands_alone(words, match)]
    clock = found[-1] if found else None
    if clock is not None:
        words = words[: clock.start()] + " " + words[clock.end() :]
    today = datetime.fromtimestamp(now / US_PER_S, UTC).astimezone(zone).date()
    day = _day(" ".join(words.split()), today)
    if clock is None and day is None:
        raise ValueError(said)
    parts = _clock_parts(clock)
    at = _instant(day or today, parts, zone)
    if day is None and at > now:
        at = _instant(today - timedelta(days=1), parts, zone)
    return at


def _own_zone(said: str, zone: tzinfo | None) -> tuple[tzinfo | None, str]:
    """Take an offset ("+02:00", "z") off the end."""
    if said.endswith("z") and said[-2:-1].isdigit():
        return UTC, said[:-1]
    found = _OFFSET.fullmatch(said)
    if found is None:
        return zone, said
    by = timedelta(hours=int(found[3]), minutes=int(found[4]))
    return timezone(by if found[2] == "+" else -by), found[1]


def _stands_alone(said: str, clock: re.Match[str]) -> bool:
    before, after = said[: clock.start()][-1:], said[clock.end() :][:1]
    return not (before.strip() or after.strip())


def _day(said: str, today: date) -> date | None:
    said = said.removeprefix("last ").removeprefix("on ").removesuffix(" at").strip(" ,")
    if said in ("", "at"):
        return None
    if said == "today":
        return today
    if said == "yesterday":
        return today - timedelta(days=1)
    if said in _DAYS:
        return today - timedelta(days=(today.weekday() - _DAYS.index(said)) % 7)
    if iso := _ISO_DATE.fullmatch(said):
        return date(int(iso[1]), int(iso[2]), int(iso[3]))
    if dotted := _DOTTED_DATE.fullmatch(said):
        return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
    raise ValueError(said)


def _clock_parts(clock: re.Match[str] | None) -> tuple[int, int, int, int]:
    if clock is None:
        return 0, 0, 0, 0
    hour = int(clock[1])
    if clock[5]:
        if not 1 <= hour <= 12:
            raise ValueError(clock[0])
        hour = hour % 12 + (12 if clock[5] == "pm" else 0)
    return hour, int(clock[2]), int(clock[3] or 0), int((clock[4] or "0").ljust(6, "0"))


def _instant(day: date, clock: tuple[int, int, int, int], zone: tzinfo | None) -> UtcUs:
    naive = datetime(day.year, day.month, day.day, *clock)  # noqa: DTZ001 - gets its zone in the next line
    return utc_us(naive.astimezone() if zone is None else naive.replace(tzinfo=zone))


def _checked(at: int, typed: str) -> UtcUs:
    if not 0 <= at < 2**52:
        raise NoSuchTime(f"outside of time: {typed[:_LONGEST]}", typed=typed[:_LONGEST])
    return UtcUs(at)
