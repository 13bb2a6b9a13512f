"""Reads what an operator types to go to a time: "14:03", "yesterday 14:03:27", "-10m", "2026-03-14 14:03"."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from common.foundation.errors import VmsError


class NoSuchTime(VmsError):
    """What was typed is no time, or a local time that does not exist."""

    message_key = "smart.no_such_time"


_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RELATIVE = re.compile(r"([+-])\s*(\d{1,9}(?:[.,]\d{1,6})?)\s*(s|min|m|h|d|w)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6}))?)?")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST = 80


def parse_go_to(typed: str, now: UtcUs, playhead: UtcUs, zone: tzinfo | None = None) -> UtcUs:
    """Return the time that `typed` means in `zone` (None: this computer's).

    "-10m" counts from the playhead; "14:03" is the last time that it was 14:03; a day alone starts at midnight; of a
    time that came twice when summer time ended, the first. Raises NoSuchTime that says what can be typed.
    """
    said = " ".join(typed.split()).lower()[:_LONGEST]
    if said in ("now", "live"):
        return now
    if relative := _RELATIVE.fullmatch(said):
        sign, count, unit = relative.groups()
        by_us = round(float(count.replace(",", ".")) * _UNITS_S[unit] * US_PER_S)
        return _checked(playhead + (by_us if sign == "+" else -by_us), typed)
    today = datetime.fromtimestamp(now / US_PER_S, UTC).astimezone(zone).date()
    words = said.replace("t", " ", 1).split() if re.match(r"\d{4}-\d{1,2}-\d{1,2}t", said) else said.split()
    clock = None
    if words and (clock := _CLOCK.fullmatch(words[-1])):
        words = words[:-1]
    try:
        day = _day(" ".join(words), today)
        hour, minute, second, us = _clock_parts(clock)
        if clock is None and day is None:
            raise ValueError(said)
        at = _instant(day or today, (hour, minute, second, us), zone)
        if day is None and at > now:
            at = _instant(today - timedelta(days=1), (hour, minute, second, us), zone)
    except (ValueError, OverflowError):
        raise NoSuchTime(f"not a time: {typed[:_LONGEST]}", typed=typed[:_LONGEST]) from None
    return _checked(at, typed)


def _day(said: str, today: date) -> date | None:
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
    return int(clock[1]), int(clock[2]), int(clock[3] or 0), int((clock[4] or "0").ljust(6, "0"))


def _instant(day: date, clock: tuple[int, int, int, int], zone: tzinfo | None) -> UtcUs:
    naive = datetime(day.year, day.month, day.day, *clock)  # noqa: DTZ001 - gets its zone in the next line
    return utc_us(naive.astimezone() if zone is None else naive.replace(tzinfo=zone))


def _checked(at: int, typed: str) -> UtcUs:
    if not 0 <= at < 2**52:
        raise NoSuchTime(f"outside of time: {typed[:_LONGEST]}", typed=typed[:_LONGEST])
    return UtcUs(at)
