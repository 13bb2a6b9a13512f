"""What is said of recorders out of reach, and of recordings on another day than the one that is looked at."""

from datetime import UTC, datetime, timedelta

from common.foundation.clock import US_PER_S, UtcUs
from common.ui.icons import State
from smartclient.live.wording import clock_time, recorded_words
from smartclient.site.snapshot import Site, SiteCamera, SiteRecorder, camera_nodes
from smartclient.video.feed import FeedState


def at(moment: datetime) -> UtcUs:
    return UtcUs(round(moment.timestamp() * US_PER_S))


def test_a_recorder_is_out_of_reach_for_us_though_it_reports_to_management() -> None:
    recorders = (SiteRecorder("r1", "North", "wss://north/media", True), SiteRecorder("r2", "South", "", False))
    site = Site(recorders, (SiteCamera("c1", "Gate", "r1"),))
    north, south = camera_nodes(site)
    assert (north.state, south.state) == (State.OK, State.ALARM)
    north, south = camera_nodes(site, {"r1"})
    assert (north.state, north.tooltip) == (State.ALARM, "Connection to recording server North lost")
    assert [child.label for child in north.children] == ["Gate"]


def test_a_time_today_is_told_with_its_date_beside_another_day() -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    assert clock_time(at(noon), UTC) == "12:00"
    assert clock_time(at(noon), UTC, beside_us=at(noon - timedelta(hours=1))) == "12:00"
    assert clock_time(at(noon), UTC, beside_us=at(noon - timedelta(days=1))) == noon.strftime("%d %b 12:00")
    before = noon - timedelta(days=2)
    assert clock_time(at(before), UTC, beside_us=at(before)) == before.strftime("%d %b 12:00")


def test_a_gap_names_the_day_on_which_recordings_go_on() -> None:
    today = datetime.now().astimezone()
    gap, playhead_us = (0, at(today)), at(today - timedelta(days=3))
    said = recorded_words(FeedState(), False, 0, "North", gap, playhead_us=playhead_us)
    assert today.strftime("%d %b") in said.detail
