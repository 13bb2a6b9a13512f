"""Whether a time profile holds at a moment. A pure function of both, the same on every server.

Appointments are in the wall time of the site's zone, so that a shift that begins at six does so on both sides of a
change of the clocks; those that come again do so by a rule of RFC 5545 (3.3.10), by the day at the most often.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from astral import Observer
from astral.sun import elevation, sunrise, sunset
from dateutil.rrule import rrule, rruleset, rrulestr

from common.model.rules import Appointment, TimeProfile

_RULE = re.compile(r"(?:RRULE:)?FREQ=(?:DAILY|WEEKLY|MONTHLY|YEARLY)(?:;[A-Z]+=[A-Z0-9,+:-]+)*", re.IGNORECASE)
_MOST_RULE_CHARS = 500


def zone_named(name: str) -> tzinfo | None:
    """Return a zone by its name in the IANA database; None, this computer's, where there is none of that name."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def holds(profile: TimeProfile, at_us: int, zone: tzinfo | None = None) -> bool:
    """Whether a profile holds at UTC microsecond `at_us`. `zone`: the site's; None: this computer's."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    if profile.sun_clock_enabled:
        return _is_day(profile, at, zone)
    local = at.astimezone(zone).replace(tzinfo=None)
    everything = (*profile.time_profile_appointments, *profile.time_profile_appointments_recur)
    return any(_covers(each, local, zone) for each in everything)


def problem_with(appointment: Appointment) -> str:
    """Say what is wrong with an appointment, "" when nothing is."""
    try:
        start, end = _moment(appointment.start_date_time, None), _moment(appointment.end_date_time, None)
    except ValueError:
        return "Start and end must be dates with times, such as 2026-03-14T06:00:00."
    if end <= start:
        return "It must end after it starts."
    if appointment.recurrence:
        if end - start > timedelta(days=366):
            return "An appointment that comes again lasts at most a year."
        try:
            _rule(appointment.recurrence, start)
        except ValueError:
            return "The recurrence must be a rule such as FREQ=WEEKLY;BYDAY=MO,TU."
    return ""


def _covers(appointment: Appointment, local: datetime, zone: tzinfo | None) -> bool:
    try:
        start, end = _moment(appointment.start_date_time, zone), _moment(appointment.end_date_time, zone)
        if local < start:
            return False
        if not appointment.recurrence:
            return local < end
        latest = _rule(appointment.recurrence, start).before(local, inc=True)
    except (ValueError, OverflowError):
        return False  # what cannot be understood widens nothing
    return latest is not None and local < latest + (end - start)


@lru_cache(maxsize=1024)
def _rule(text: str, start: datetime) -> rrule | rruleset:
    if len(text) > _MOST_RULE_CHARS or not _RULE.fullmatch(text.strip()):
        raise ValueError("no rule that is understood")
    return rrulestr(text.strip(), dtstart=start, cache=True)


def _moment(text: str, zone: tzinfo | None) -> datetime:
    """Read a wall time; one with an offset is turned into the zone's. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


def _is_day(profile: TimeProfile, at: datetime, zone: tzinfo | None) -> bool:
    observer = Observer(profile.sun_clock_latitude, profile.sun_clock_longitude)
    own = zone_named(profile.sun_clock_time_zone) or zone
    here = at.astimezone(own)
    try:
        begin, end = _daylight(observer, here.date(), own)
    except ValueError:  # the sun does not rise or set there today
        return elevation(observer, at) > 0
    begin += timedelta(minutes=profile.sun_clock_sun_rise_offset)
    end += timedelta(minutes=profile.sun_clock_sun_set_offset)
    return begin <= at < end


def _daylight(observer: Observer, day: date, zone: tzinfo | None) -> tuple[datetime, datetime]:
    """Sunrise and sunset of a local day. Where they lie on different UTC days they are put in order."""
    noon = datetime.combine(day, time(12)).astimezone(zone).astimezone(UTC)
    begin, end = sunrise(observer, day, tzinfo=UTC), sunset(observer, day, tzinfo=UTC)
    while begin > noon:
        begin -= timedelta(days=1)
    while end < noon:
        end += timedelta(days=1)
    return begin, end
