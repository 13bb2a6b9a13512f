"""What an engine knows becomes entries of the ledger for the right devices."""

import sqlite3
from pathlib import Path

from common.api.recorder_configuration import RecordedDevice, RecordedHardware
from common.foundation.clock import US_PER_S
from common.foundation.ids import DeviceId, HardwareId
from common.media.access_unit import PRIMARY, SECONDARY
from server.recording.ingest.bus import DeviceState
from server.recording.ledger.keeper import LedgerKeeper
from server.recording.ledger.reasons import ASSIGNED, Reason
from server.recording.ledger.store import LEDGER, OPEN
from server.recording.ledger.watching import RecordingLedger
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.events import Overflow, StorageFailed, StorageRecovered
from tests.support.hand_clock import HandClock

FIRST, SECOND, SOUND = DeviceId("camera 1"), DeviceId("camera 2"), DeviceId("microphone")


def hardware(device: DeviceId, **changes: object) -> RecordedHardware:
    camera = RecordedDevice(id=device, name=device, storage="b" if device == SECOND else "a", record_secondary=True)
    sound = RecordedDevice(id=SOUND, name="sound", storage="a", record_secondary=True) if device == FIRST else None
    made = RecordedHardware(id=HardwareId(f"h {device}"), name=device, url="x:", camera=camera, microphone=sound)
    return made.model_copy(update=changes)


class Noted:
    """A ledger of two cameras on two storages."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = HandClock()
        self.keeper = LedgerKeeper(data, self.clock)
        self.ledger = RecordingLedger(self.keeper, lambda device: f"/{device.storage}")
        self.ledger.expect([hardware(FIRST), hardware(SECOND)], (), 10_080)

    def open_reasons(self) -> set[tuple[str, str, str]]:
        self.clock.pass_by(US_PER_S)
        self.keeper.write_now()
        with sqlite3.connect(self.data / LEDGER) as connection:
            query = "SELECT device, track, reason FROM entries WHERE to_us=? AND reason!=?"
            found = set(connection.execute(query, (OPEN, ASSIGNED)).fetchall())
        connection.close()
        return found


def test_a_storage_that_fails_is_told_for_the_devices_that_record_into_it(tmp_path: Path) -> None:
    noted = Noted(tmp_path)
    assert noted.open_reasons() == set()
    noted.ledger.storage(StorageFailed("/a", "no space", disk_full=True))
    assert noted.open_reasons() == {(FIRST, "", Reason.DISK_FULL), (SOUND, "", Reason.DISK_FULL)}
    noted.ledger.storage(StorageFailed("/b", "input/output error", disk_full=False))
    assert (SECOND, "", Reason.DISK_FAILED) in noted.open_reasons()
    noted.ledger.storage(StorageRecovered("/a", 5))
    assert noted.open_reasons() == {(SECOND, "", Reason.DISK_FAILED)}
    third = DeviceId("camera 3")
    noted.ledger.expect([hardware(SECOND), hardware(third)], (), 10_080)  # others are gone, one is new
    assert noted.open_reasons() == {(SECOND, "", Reason.DISK_FAILED)}
    noted.ledger.storage(StorageFailed("/elsewhere", "gone", disk_full=False))
    assert {device for device, _, _ in noted.open_reasons()} == {SECOND, third}


def test_a_slow_disk_is_told_for_the_track_that_lost_pictures(tmp_path: Path) -> None:
    noted = Noted(tmp_path)
    key = TrackKey(FIRST, SECONDARY)
    noted.ledger.storage(Overflow(key, 1, 25, 1000, over=False))
    assert noted.open_reasons() == {(FIRST, SECONDARY, Reason.DISK_SLOW)}
    noted.ledger.storage(Overflow(TrackKey(FIRST, PRIMARY), 1, 25, 1000, over=True))
    assert noted.open_reasons() == {(FIRST, SECONDARY, Reason.DISK_SLOW)}
    noted.ledger.storage(Overflow(key, 1, 25, 1000, over=True))
    assert noted.open_reasons() == set()


def test_states_and_settings_are_told(tmp_path: Path) -> None:
    noted = Noted(tmp_path)
    noted.ledger.state(FIRST, DeviceState("connecting", noted.clock.now_us()))
    assert noted.open_reasons() == {(FIRST, "", "connecting")}
    noted.ledger.state(FIRST, DeviceState("lost", noted.clock.now_us(), "gone", unreachable=True))
    assert noted.open_reasons() == {(FIRST, "", Reason.NETWORK)}
    noted.ledger.state(FIRST, DeviceState("lost", noted.clock.now_us(), "refused"))
    assert noted.open_reasons() == {(FIRST, "", Reason.DEVICE_LOST)}
    noted.ledger.state(FIRST, DeviceState("live", noted.clock.now_us()))
    assert noted.open_reasons() == set()
    off = hardware(FIRST).camera.model_copy(update={"recording_enabled": False, "record_secondary": False})
    noted.ledger.expect([hardware(FIRST, camera=off), hardware(SECOND, enabled=False)], (), 10_080)
    assert noted.open_reasons() == {
        (FIRST, "", Reason.POLICY),
        (FIRST, SECONDARY, Reason.POLICY),
        (SECOND, "", Reason.STOPPED),
    }
    noted.ledger.expect([hardware(FIRST, camera=off), hardware(SECOND)], {FIRST}, 10_080)  # by hand
    assert noted.open_reasons() == {(FIRST, SECONDARY, Reason.POLICY)}
