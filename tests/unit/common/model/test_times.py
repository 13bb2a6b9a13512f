"""Time profiles: appointments, those that come again, changes of the clocks, and the length of the day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.model.permissions import CAMERAS, Grant, Verb, effective
from common.model.profiles import ActiveProfiles
from common.model.rules import Appointment, TimeProfile
from common.model.times import holds, problem_with, zone_named

BERLIN = ZoneInfo("Europe/Berlin")


def us(text: str, zone: ZoneInfo | None = BERLIN) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1e6)


def profile(*spans: tuple[str, str, str]) -> TimeProfile:
    made = [Appointment(start_date_time=start, end_date_time=end, recurrence=rule) for start, end, rule in spans]
    return TimeProfile(name="Shift", time_profile_appointments_recur=tuple(made))


EARLY = profile(("2026-03-02T06:00:00", "2026-03-02T14:00:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"))
NIGHT = profile(("2026-03-02T22:00:00", "2026-03-03T06:00:00", "FREQ=DAILY"))


@pytest.mark.parametrize(
    ("which", "at", "wanted"),
    [
        (EARLY, "2026-03-20T05:59:59", False),
        (EARLY, "2026-03-20T06:00:00", True),
        (EARLY, "2026-03-20T13:59:59", True),
        (EARLY, "2026-03-20T14:00:00", False),
        (EARLY, "2026-03-21T10:00:00", False),  # a Saturday
        (EARLY, "2026-03-30T06:00:00", True),  # the Monday after the clocks went forward: at six all the same
        (EARLY, "2026-03-30T05:30:00", False),
        (EARLY, "2026-03-01T10:00:00", False),  # before it began
        (NIGHT, "2026-03-29T01:30:00", True),  # the night that has seven hours
        (NIGHT, "2026-03-29T03:30:00", True),
        (NIGHT, "2026-03-29T06:00:00", False),
        (NIGHT, "2026-10-25T00:30:00+00:00", True),  # half past two, the first time
        (NIGHT, "2026-10-25T01:30:00+00:00", True),  # and the second
        (profile(("2026-05-01T08:00:00", "2026-05-01T09:00:00", "")), "2026-05-01T08:30:00", True),
        (profile(("2026-05-01T08:00:00", "2026-05-01T09:00:00", "")), "2026-05-02T08:30:00", False),
        (profile(("2026-05-01T08:00:00Z", "2026-05-01T09:00:00Z", "")), "2026-05-01T10:30:00", True),
        (TimeProfile(name="Empty"), "2026-05-01T10:30:00", False),
    ],
)
def test_appointments(which: TimeProfile, at: str, wanted: bool) -> None:
    assert holds(which, us(at), BERLIN) is wanted


def test_the_length_of_the_day() -> None:
    day = TimeProfile(
        name="Day",
        sun_clock_enabled=True,
        sun_clock_latitude=52.5,
        sun_clock_longitude=13.4,
        sun_clock_sun_set_offset=30,
    )
    assert holds(day, us("2026-06-21T05:00:00"), BERLIN)
    assert not holds(day, us("2026-06-21T04:00:00"), BERLIN)
    assert not holds(day, us("2026-12-21T07:00:00"), BERLIN)
    assert holds(day, us("2026-12-21T16:15:00"), BERLIN)  # sunset was before four
    arctic = TimeProfile(name="Day", sun_clock_enabled=True, sun_clock_latitude=78.2, sun_clock_longitude=15.6)
    assert holds(arctic, us("2026-06-21T00:30:00", ZoneInfo("UTC")), UTC)
    assert not holds(arctic, us("2026-12-21T12:00:00", ZoneInfo("UTC")), UTC)
    pacific = TimeProfile(
        name="Day",
        sun_clock_enabled=True,
        sun_clock_latitude=-36.8,
        sun_clock_longitude=174.8,
        sun_clock_time_zone="Pacific/Auckland",
    )
    noon = us("2026-07-01T12:00:00", ZoneInfo("Pacific/Auckland"))
    assert holds(pacific, noon, BERLIN)
    assert not holds(pacific, noon + 12 * 3600 * 1_000_000, BERLIN)


@pytest.mark.parametrize(
    "wrong",
    [
        ("soon", "2026-05-01T09:00:00", ""),
        ("2026-05-01T09:00:00", "2026-05-01T09:00:00", ""),
        ("2026-05-01T09:00:00", "2026-05-01T10:00:00", "FREQ=SECONDLY"),
        ("2026-05-01T09:00:00", "2026-05-01T10:00:00", "every day"),
        ("2026-05-01T09:00:00", "2026-05-01T10:00:00", "FREQ=DAILY;" + "X=1;" * 500),
        ("2026-05-01T09:00:00", "2028-05-01T10:00:00", "FREQ=YEARLY"),
    ],
)
def test_what_makes_no_sense_is_told_and_never_holds(wrong: tuple[str, str, str]) -> None:
    (appointment,) = profile(wrong).time_profile_appointments_recur
    assert problem_with(appointment)
    if "SECONDLY" in wrong[2] or "every" in wrong[2] or wrong[0] == "soon":
        assert not holds(profile(wrong), us("2026-05-01T09:30:00"), BERLIN)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=60))
def test_any_text_is_taken(start: str, end: str, rule: str) -> None:
    problem_with(Appointment.model_construct(start_date_time=start, end_date_time=end, recurrence=rule))
    made = Appointment.model_construct(start_date_time=start, end_date_time=end, recurrence=rule)
    holds(TimeProfile.model_construct(name="x", time_profile_appointments=(made,)), us("2026-05-01T09:30:00"), BERLIN)


def test_permissions_follow_the_time_and_unknown_profiles_widen_nothing() -> None:
    now = [us("2026-03-20T05:59:30")]
    active = ActiveProfiles(lambda: now[0])
    active.replace({"early": EARLY}, BERLIN)
    live = CAMERAS.mask(Verb.VIEW_LIVE)
    grant = [Grant("r", CAMERAS.id, "", allow=live, profile="early")]
    assert effective(grant, active) == 0
    now[0] += 60_000_000
    assert effective(grant, active) == live
    assert active.now() == {"early"}
    assert effective([Grant("r", CAMERAS.id, "", allow=live, profile="gone")], active) == 0
    denial = [Grant("r", CAMERAS.id, "", allow=live), Grant("r", CAMERAS.id, "", deny=live, profile="gone")]
    assert effective(denial, active) == 0
    active.replace({}, None)
    assert active.now() == frozenset()


def test_zones_by_name() -> None:
    assert zone_named("Europe/Berlin") == BERLIN
    assert zone_named("") is None
    assert zone_named("../etc/passwd") is None
    assert datetime.now(zone_named("UTC")).utcoffset() == timedelta(0)
