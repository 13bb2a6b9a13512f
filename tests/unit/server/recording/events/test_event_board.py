"""A recorder's event board: each event once, states that are told again, and bounds."""

from collections.abc import Mapping

import pytest

from common.api.recorder_configuration import RecordedDevice, RecordedHardware, RecorderConfiguration
from common.api.site_events import EventBatch, SiteEvent
from common.foundation.clock import SystemClock
from common.foundation.ids import DeviceId, HardwareId, RecorderId
from common.model import event_ids
from server.recording.events.board import EventBoard

CAMERA, SOUND, HARDWARE, RECORDER = (f"00000000-0000-0000-0000-00000000000{n}" for n in range(1, 5))


def configuration(*, recorded: bool = True, hardware: bool = True) -> RecorderConfiguration:
    camera = RecordedDevice(id=DeviceId(CAMERA), name="Gate", recording_enabled=recorded)
    sound = RecordedDevice(id=DeviceId(SOUND), name="Gate's microphone", recording_enabled=False)
    gate = RecordedHardware(id=HardwareId(HARDWARE), name="Gate", url="rtsp://gate/", camera=camera, microphone=sound)
    return RecorderConfiguration(
        version=1, recorder=RecorderId(RECORDER), name="R", hardware=(gate,) if hardware else (), jwks="", issuer=""
    )


def state(name: str, device: str = CAMERA, since: int = 1_000_000, reason: str = "") -> Mapping[str, object]:
    return {"event": "device_state", "device": device, "state": name, "since": since, "reason": reason}


def board(most: int = 100) -> EventBoard:
    made = EventBoard(SystemClock(), most)
    made.follow(configuration(), ())
    return made


def told(made: EventBoard) -> EventBatch:
    batch = made.batch()
    made.told(batch)
    return batch


def types(events: tuple[SiteEvent, ...]) -> list[tuple[str, str]]:
    return [(event.source_id, event.type) for event in events]


def test_a_camera_comes_and_goes() -> None:
    made = board()
    made.engine_said(state("connecting"))
    assert not made.happened.is_set()
    for _ in range(2):
        made.engine_said(state("live"))
        made.engine_said(state("live", SOUND))
    made.engine_said(state("lost", since=2_000_000, reason="The camera does not answer."))
    batch = told(made)
    assert types(batch.events) == [
        (CAMERA, event_ids.COMMUNICATION_STARTED),
        (HARDWARE, event_ids.HARDWARE_COMMUNICATION_STARTED),
        (CAMERA, event_ids.RECORDING_STARTED),
        (SOUND, event_ids.COMMUNICATION_STARTED),
        (CAMERA, event_ids.COMMUNICATION_ERROR),
        (HARDWARE, event_ids.HARDWARE_COMMUNICATION_ERROR),
        (CAMERA, event_ids.RECORDING_STOPPED),
    ]
    lost = batch.events[4]
    assert (lost.source, lost.at_us, lost.reason) == ("cameras", 2_000_000, "The camera does not answer.")
    assert told(made).events == ()


def test_recording_follows_the_configuration_and_recording_by_hand() -> None:
    made = board()
    made.engine_said(state("live"))
    told(made)
    made.follow(configuration(recorded=False), ())
    assert types(told(made).events) == [(CAMERA, event_ids.RECORDING_STOPPED)]
    made.follow(configuration(recorded=False), {DeviceId(CAMERA)})
    assert types(told(made).events) == [(CAMERA, event_ids.RECORDING_STARTED)]


def test_what_was_not_told_is_told_again() -> None:
    made = board()
    made.engine_said(state("live"))
    assert made.batch() == made.batch()
    first = made.batch()
    made.engine_said(state("lost"))
    made.told(first)
    made.told(first)  # an answer may come twice
    again = told(made)
    assert again.number == len(first.events)
    assert again.events[0].type == event_ids.COMMUNICATION_ERROR


def test_all_states_are_told_on_demand_and_when_events_were_lost() -> None:
    made = board(most=4)
    made.engine_said(state("live"))
    told(made)
    made.tell_all()
    assert set(types(told(made).states)) == {
        (CAMERA, event_ids.COMMUNICATION_STARTED),
        (HARDWARE, event_ids.HARDWARE_COMMUNICATION_STARTED),
        (CAMERA, event_ids.RECORDING_STARTED),
    }
    assert told(made).states == ()
    for _ in range(10):
        made.engine_said(state("lost"))
        made.engine_said(state("live"))
    batch = told(made)
    assert len(batch.events) == 4
    assert batch.number > 4
    assert len(batch.states) == 3


def test_a_device_that_is_gone_has_no_state() -> None:
    made = board()
    made.engine_said(state("live"))
    told(made)
    made.follow(configuration(hardware=False), ())
    made.tell_all()
    made.engine_said(state("lost"))
    batch = told(made)
    assert (batch.events, batch.states) == ((), ())


def test_disks_fail_and_recover() -> None:
    made = board()
    failed = {"event": "storage_error", "path": "/a", "reason": "No space left on device", "disk_full": True}
    made.engine_said(failed)
    made.engine_said(failed | {"path": "/b", "disk_full": False, "reason": "Input/output error"})
    made.engine_said({"event": "storage_recovered", "path": "/a"})
    assert types(told(made).events) == [
        (RECORDER, event_ids.DATABASE_DISK_FULL),
        (RECORDER, event_ids.DISK_UNAVAILABLE),
    ]
    made.engine_said({"event": "storage_recovered", "path": "/b"})
    made.engine_said({"event": "overflow", "device": CAMERA, "over": False})
    made.engine_said({"event": "overflow", "device": CAMERA, "over": True})
    assert [event.type for event in told(made).events] == [
        event_ids.DISK_AVAILABLE,
        event_ids.FEED_OVERFLOW_STARTED,
        event_ids.FEED_OVERFLOW_STOPPED,
    ]


@pytest.mark.parametrize(
    "garbage", [{}, {"event": 7}, {"event": "device_state"}, {"event": "overflow", "device": None}]
)
def test_lines_that_say_nothing_are_ignored(garbage: Mapping[str, object]) -> None:
    made = board()
    made.engine_said(garbage)
    assert not made.happened.is_set()
