"""What a recorder permits within time profiles, from its configuration alone."""

from datetime import UTC, datetime

from common.api.recorder_configuration import (
    RecordedDevice,
    RecordedGrant,
    RecordedHardware,
    RecordedTimeProfile,
    RecorderConfiguration,
)
from common.foundation.ids import DeviceId, HardwareId, RecorderId, UserId
from common.model.permissions import CAMERAS, OVERALL, Verb
from common.net.tokens import Principal
from server.recording.access import Access

CAMERA = DeviceId("c")
ANNA = Principal(UserId("u"), "anna", frozenset({"guards"}), 0, "t")


def configuration(*profiles: RecordedTimeProfile) -> RecorderConfiguration:
    live = CAMERAS.mask(Verb.READ, Verb.VIEW_LIVE)
    camera = RecordedDevice(id=CAMERA, name="Gate")
    return RecorderConfiguration(
        version=1,
        recorder=RecorderId("r"),
        name="R",
        jwks="",
        issuer="",
        hardware=(RecordedHardware(id=HardwareId("h"), name="Gate", url="rtsp://gate/", camera=camera),),
        grants=(RecordedGrant(role="guards", namespace=CAMERAS.id, item=OVERALL, allow=live, profile="p"),),
        time_profiles=profiles,
        time_zone="UTC",
    )


def test_live_pictures_within_the_shift_only() -> None:
    now = [int(datetime(2026, 3, 20, 5, 59, tzinfo=UTC).timestamp() * 1e6)]
    span = {"startDateTime": "2026-03-02T06:00:00", "endDateTime": "2026-03-02T14:00:00", "recurrence": "FREQ=DAILY"}
    shift = RecordedTimeProfile(id="p", properties={"name": "Shift", "timeProfileAppointmentsRecur": [span]})
    access = Access(lambda: now[0])
    access.replace(configuration(shift))
    assert not access.may(ANNA, Verb.VIEW_LIVE, CAMERA)
    assert access.profiles_now() == frozenset()
    now[0] += 60_000_000
    assert access.may(ANNA, Verb.VIEW_LIVE, CAMERA)
    assert not access.may(ANNA, Verb.PLAYBACK, CAMERA)
    assert access.profiles_now() == {"p"}


def test_profiles_that_are_missing_or_not_understood_permit_nothing() -> None:
    access = Access()
    access.replace(configuration())
    assert not access.may(ANNA, Verb.VIEW_LIVE, CAMERA)
    access.replace(configuration(RecordedTimeProfile(id="p", properties={"name": "Shift", "fromTheFuture": 1})))
    assert not access.may(ANNA, Verb.VIEW_LIVE, CAMERA)
