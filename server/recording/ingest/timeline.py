"""Repairs the time of one track: a camera's media time in, media time that only rises and the recorder's wall time out.

A *run* is a stretch of unbroken media time. Its first keyframe is stamped with the recorder's clock on arrival. The
least delayed picture is nearest to the truth, so within the first two seconds an earlier one corrects the run at once.
After that a unit's wall time follows its media time, pulled towards the recorder's clock by at most 500 ppm.

A new run begins when media time jumps ahead of the arrivals by more than a second, steps back or stands still, and when
wall time has fallen more than a second behind for good. For video it begins at the next keyframe; pictures until then
are kept and spaced as they arrive. A device whose media time breaks again and again is stamped by arrival alone.

When the recorder's own clock is set forward by more than a second, a new run begins (a gap in the recording). Set
backward, the track goes on in its old time, slowed by 500 ppm, because what is recorded already must not be
overlapped; only a step of more than a day is followed at once, as the old time was then plainly wrong.
"""

from collections import deque

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import AccessUnit
from server.recording.drivers.contract import RawUnit

MOST_SLEW = 500e-6
JUMP_US = 1 * US_PER_S
DAY_US = 86_400 * US_PER_S
_SETTLE_S = 2.0
_WINDOW_S = 5.0
_CORRECT_OVER_US = 10 * US_PER_S
_BREAKS = 5
MOST_LIP_SYNC_US = 5 * US_PER_S  # a device whose reports say more is not believed
_BREAKS_WITHIN_S = 60.0


class TrackTimeline:
    """Places the units of one track in time. Pure: the caller says what the recorder's clock showed on arrival."""

    def __init__(self, timescale: int, *, video: bool, floor_us: int = 0) -> None:
        """`floor_us`: nothing is stamped before it, because that far is recorded already."""
        self._timescale = timescale
        self._video = video
        self._floor_us = floor_us
        self._running = False
        self._renew = False
        self._by_arrival = False
        self._breaks: deque[float] = deque(maxlen=_BREAKS)
        self._tick_offset = 0
        self._base_pts = 0
        self._base_utc = 0
        self._slew_us = 0.0
        self._rate = 0.0
        self._settle_until_s = 0.0
        self._window_ends_s = 0.0
        self._least_error_us: int | None = None
        self._last_raw_dts = self._last_dts = 0
        self._last_step = 0
        self._last_arrival_s = 0.0
        self._last_utc = 0
        self.runs = 0

    @property
    def floor_us(self) -> int:
        """Where the next run may begin at the earliest."""
        if not self.runs:
            return self._floor_us
        return max(self._floor_us, self._last_utc + self._us(self._last_step) + 1)

    def restart(self) -> None:
        """The connection was lost: the next keyframe begins a new run."""
        self._running = False

    def wall_of(self, raw_ticks: int) -> int | None:
        """The wall time of a media time as the device counts it; None before the first run."""
        if not self._running:
            return None
        return self._wall(raw_ticks + self._tick_offset)

    def place(self, raw: RawUnit, now_us: int, target_us: int | None = None) -> tuple[AccessUnit, bool] | None:
        """Return the unit in repaired time, and whether it begins a new run; None for what cannot begin one.

        `now_us`: the recorder's clock when it arrived. `target_us`: what its wall time should be, where somebody knows
        better than the arrival (lip sync).
        """
        step = raw.dts - self._last_raw_dts
        if 0 < step <= self._timescale and self._running and not (self._renew or self._by_arrival):
            unit = self._stamp(raw, now_us, target_us, False)  # the usual one goes a short way
            self._last_arrival_s = raw.arrival_s
            self._last_raw_dts = raw.dts
            return unit, False
        clean_start = raw.keyframe and not (raw.damaged and self._video)
        new_run = False
        if not self._running:
            if not clean_start:
                return None
            new_run = True
        else:
            arrived_us = max(0, int((raw.arrival_s - self._last_arrival_s) * US_PER_S))
            if self._by_arrival:
                self._respace(raw, arrived_us)
            elif step <= 0 or self._us(step) - arrived_us > JUMP_US:
                self._note_break(raw.arrival_s)
                new_run = clean_start and not self._by_arrival
                if not new_run:
                    self._respace(raw, arrived_us)
                    self._renew = not self._by_arrival
            elif self._renew and clean_start:
                new_run = True
        if new_run:
            self._begin(raw, now_us)
        unit = self._stamp(raw, now_us, target_us, new_run)
        self._last_arrival_s = raw.arrival_s
        self._last_raw_dts = raw.dts
        return unit, new_run

    def _begin(self, raw: RawUnit, now_us: int) -> None:
        start = now_us if self.floor_us - now_us > DAY_US else max(now_us, self.floor_us)
        self._running, self._renew = True, False
        self.runs += 1
        self._tick_offset = -raw.dts
        self._base_pts = raw.pts - raw.dts
        self._base_utc = start
        self._slew_us = self._rate = 0.0
        self._last_dts = -1
        self._last_step = 0
        self._last_utc = start - 1
        self._floor_us = start
        self._settle_until_s = raw.arrival_s + _SETTLE_S
        self._window_ends_s = self._settle_until_s + _WINDOW_S
        self._least_error_us = None

    def _respace(self, raw: RawUnit, arrived_us: int) -> None:
        """Let media time go on by as much as passed since the last arrival."""
        step = max(1, arrived_us * self._timescale // US_PER_S)
        self._tick_offset = self._last_dts + step - raw.dts

    def _note_break(self, at_s: float) -> None:
        self._breaks.append(at_s)
        if len(self._breaks) == _BREAKS and at_s - self._breaks[0] < _BREAKS_WITHIN_S:
            self._by_arrival = True

    def _stamp(self, raw: RawUnit, now_us: int, target_us: int | None, first: bool) -> AccessUnit:
        dts = raw.dts + self._tick_offset
        pts = raw.pts + self._tick_offset
        if not first:
            self._last_step = dts - self._last_dts
            if self._rate:
                self._slew_us += self._rate * self._us(self._last_step)
        predicted = self._wall(pts)
        error_us = (now_us if target_us is None else target_us) - predicted
        arrival_s, last_utc = raw.arrival_s, self._last_utc
        if error_us < 0 and arrival_s < self._settle_until_s and error_us > -DAY_US:
            shift = max(error_us, last_utc + 1 - predicted) if pts == dts else error_us
            if shift < 0:
                self._base_utc += shift
                predicted += shift
        else:
            if self._least_error_us is None or error_us < self._least_error_us:
                self._least_error_us = error_us
            if arrival_s >= self._window_ends_s:
                self._follow_clock(arrival_s)
        least = last_utc + 1 if pts == dts else self._floor_us
        utc = predicted if predicted > least else least
        if utc > last_utc:
            self._last_utc = utc
        self._last_dts = dts
        return AccessUnit(raw.data, pts, dts, UtcUs(utc), raw.keyframe, raw.disposable)

    def _follow_clock(self, at_s: float) -> None:
        """Every few seconds take the least delayed unit's error as the clock's, and correct it gently."""
        error_us, self._least_error_us = self._least_error_us, None
        assert error_us is not None  # there was a unit in this window
        self._window_ends_s = at_s + _WINDOW_S
        if error_us > JUMP_US or error_us < -DAY_US:
            self._renew = True
        self._rate = max(-MOST_SLEW, min(MOST_SLEW, error_us / _CORRECT_OVER_US))

    def _wall(self, pts: int) -> int:
        return self._base_utc + (pts - self._base_pts) * US_PER_S // self._timescale + int(self._slew_us)

    def _us(self, ticks: int) -> int:
        return ticks * US_PER_S // self._timescale


class LipSync:
    """Brings sound to the wall time of the picture that the device captured with it.

    Uses the device's sender reports (RFC 3550, 6.4.1), which tie each track's media time to one clock of the device.
    Without reports of both tracks, sound is placed by its arrival.
    """

    def __init__(self) -> None:
        self._reports: dict[int, tuple[int, int]] = {}

    def clear(self) -> None:
        self._reports.clear()

    def report(self, index: int, device_utc_us: UtcUs, ticks: int) -> None:
        self._reports[index] = (device_utc_us, ticks)

    def device_us(self, index: int, raw_pts: int, timescale: int) -> int | None:
        """What the device's clock showed at a media time of a track; None before its first report."""
        report = self._reports.get(index)
        return None if report is None else report[0] + (raw_pts - report[1]) * US_PER_S // timescale

    def wall_less_device_us(self, index: int, timeline: TrackTimeline) -> int | None:
        """What to add to the device's clock to get the wall time of a placed track; None when not known."""
        report = self._reports.get(index)
        wall_us = None if report is None else timeline.wall_of(report[1])
        return None if report is None or wall_us is None else wall_us - report[0]
