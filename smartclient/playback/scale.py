"""The timeline's geometry: times to pixels and back, and where the scale has its marks in a zone with summer time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from common.ui.dates import written

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
LEAST_SPAN_US = US_PER_S
MOST_SPAN_US = 366 * _DAY * US_PER_S
EARLIEST_US = 0
LATEST_US = utc_us(datetime(2200, 1, 1, tzinfo=UTC))
_LEAST_LABEL_PX = 84
_STEPS_MS = (
    *(100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000),
    *(step * _MINUTE * 1000 for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR * 1000 for step in (1, 2, 3, 6, 12)),
)
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 3, 6)


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the scale. `major` starts a day (or a year)."""

    at: UtcUs
    label: str
    major: bool


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Shows `span_us` from `start_us` on over `width_px` pixels."""

    start_us: UtcUs
    span_us: int
    width_px: int

    @property
    def end_us(self) -> UtcUs:
        return UtcUs(self.start_us + self.span_us)

    def x_px(self, at: int) -> float:
        """Return where a time is drawn."""
        return (at - self.start_us) * self.width_px / self.span_us

    def time_at(self, x_px: float) -> UtcUs:
        """Return the time drawn at a pixel."""
        return UtcUs(self.start_us + round(x_px * self.span_us / max(1, self.width_px)))

    def zoomed(self, factor: float, around_px: float) -> "TimeScale":
        """Show `factor` times as much time; what is at `around_px` stays there."""
        span_us = round(min(MOST_SPAN_US, max(LEAST_SPAN_US, self.span_us * factor)))
        start_us = self.time_at(around_px) - round(around_px * span_us / max(1, self.width_px))
        return _clipped(start_us, span_us, self.width_px)

    def panned(self, by_px: float) -> "TimeScale":
        """Move the shown time with the pointer: right by `by_px` shows earlier times."""
        return _clipped(
            self.start_us - round(by_px * self.span_us / max(1, self.width_px)), self.span_us, self.width_px
        )

    def centred(self, at: int) -> "TimeScale":
        """Show `at` in the middle."""
        return _clipped(at - self.span_us // 2, self.span_us, self.width_px)

    def resized(self, width_px: int) -> "TimeScale":
        """Use another width for the same time."""
        return TimeScale(self.start_us, self.span_us, max(1, width_px))

    def marks(self, zone: tzinfo | None = None) -> list[Mark]:
        """Return the marks that fit: labels in local time, evenly spaced in true time.

        A day with 23 or 25 hours is drawn as long as it is; the hour that comes twice carries its offset both times.
        """
        least_us = self.span_us * _LEAST_LABEL_PX / max(1, self.width_px)
        for step_ms in _STEPS_MS:
            if step_ms * 1000 >= least_us:
                return _clock_marks(self, step_ms * 1000, zone)
        for days in _DAY_STEPS:
            if days * _DAY * US_PER_S >= least_us:
                return _day_marks(self, days, zone)
        for months in _MONTH_STEPS:
            if months * 28 * _DAY * US_PER_S >= least_us:
                return _month_marks(self, months, zone)
        return _month_marks(self, 12, zone)


def _clipped(start_us: int, span_us: int, width_px: int) -> TimeScale:
    return TimeScale(UtcUs(max(EARLIEST_US, min(LATEST_US - span_us, start_us))), span_us, width_px)


def local(at: int, zone: tzinfo | None) -> datetime:
    """Return a time in the operator's zone, exact to the microsecond."""
    seconds, us = divmod(at, US_PER_S)
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).replace(microsecond=us)


def _midnight(day: datetime, zone: tzinfo | None) -> datetime:
    """The first instant of a local day, also where summer time begins at midnight."""
    naive = day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    aware = naive.astimezone() if zone is None else naive.replace(tzinfo=zone)
    return aware.astimezone(UTC).astimezone(zone)


def _clock_marks(scale: TimeScale, step_us: int, zone: tzinfo | None) -> list[Mark]:
    """Marks below a day: counted from each local midnight, so that they fall on round local times; where an offset
    change makes them fall beside round times, they are counted from the change on."""
    marks: list[Mark] = []
    day = _midnight(local(scale.start_us, zone), zone)
    while (day_us := utc_us(day)) < scale.end_us:
        following = _midnight(local(day_us + 36 * _HOUR * US_PER_S, zone), zone)
        next_us = utc_us(following)
        if next_us <= day_us:
            next_us = UtcUs(day_us + _DAY * US_PER_S)
        skipped = max(0, (scale.start_us - day_us) // step_us)
        at = day_us + skipped * step_us
        while at < next_us and at < scale.end_us:
            moment = local(at, zone)
            if at >= scale.start_us and _is_round(moment, step_us):
                marks.append(Mark(UtcUs(at), _clock_label(moment, step_us, at == day_us, zone), at == day_us))
            at += step_us if _is_round(moment, step_us) else min(step_us, 15 * _MINUTE * US_PER_S)
        day = local(next_us, zone)
    return marks


def _is_round(moment: datetime, step_us: int) -> bool:
    since_us = (moment.hour * _HOUR + moment.minute * _MINUTE + moment.second) * US_PER_S + moment.microsecond
    return since_us % step_us == 0


def _clock_label(moment: datetime, step_us: int, midnight: bool, zone: tzinfo | None) -> str:
    if midnight:
        return written(moment, "%a %d %b")
    if step_us < US_PER_S:
        return moment.strftime("%H:%M:%S.") + str(moment.microsecond // 100_000)
    label = moment.strftime("%H:%M:%S" if step_us < _MINUTE * US_PER_S else "%H:%M")
    return label + offset_mark(moment, zone)


def offset_mark(moment: datetime, zone: tzinfo | None) -> str:
    """Return " +02:00" where the local time comes twice that day, else nothing."""
    bare = moment.replace(tzinfo=None)
    if zone is None:
        first, second = bare.replace(fold=0).astimezone(), bare.replace(fold=1).astimezone()
    else:
        first, second = bare.replace(tzinfo=zone, fold=0), bare.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset() or first.astimezone(UTC) > second.astimezone(UTC):
        return ""
    offset = moment.strftime("%z")
    return f" {offset[:3]}:{offset[3:5]}"


def _day_marks(scale: TimeScale, days: int, zone: tzinfo | None) -> list[Mark]:
    marks: list[Mark] = []
    day = _midnight(local(scale.start_us, zone), zone)
    while (at := utc_us(day)) < scale.end_us:
        if at >= scale.start_us and day.toordinal() % days == 0:
            marks.append(Mark(at, written(day, "%a %d %b") if days == 1 else written(day, "%d %b"), day.day == 1))
        after = utc_us(_midnight((day.replace(tzinfo=None) + timedelta(days=1, hours=12)), zone))
        day = local(max(after, at + 1), zone)
    return marks


def _month_marks(scale: TimeScale, months: int, zone: tzinfo | None) -> list[Mark]:
    marks: list[Mark] = []
    first = local(scale.start_us, zone).replace(day=1)
    year, month = first.year, first.month
    while True:
        at = utc_us(_midnight(datetime(year, month, 1), zone))  # noqa: DTZ001 - given its zone there
        if at >= scale.end_us:
            return marks
        if at >= scale.start_us and (month - 1) % months == 0:
            day = local(at, zone)
            marks.append(Mark(at, written(day, "%Y" if month == 1 else "%b %Y"), month == 1))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
