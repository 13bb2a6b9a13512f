"""Turns what an engine knows (assignments, states of devices, events of storages) into entries of the ledger."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from common.api.recorder_configuration import RecordedDevice, RecordedHardware
from common.foundation.catalog import text
from common.foundation.clock import Clock
from common.foundation.ids import DeviceId
from common.media.access_unit import SECONDARY, AccessUnit, TrackName
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import DeviceState
from server.recording.ledger.keeper import BEAT_S, LedgerKeeper
from server.recording.ledger.reasons import ASSIGNED, CONNECTING, Reason
from server.recording.mediadb.events import Overflow, StorageEvent, StorageFailed, StorageRecovered

_CONNECTION = frozenset({Reason.NETWORK, Reason.DEVICE_LOST, CONNECTING})
_DISK = frozenset({Reason.DISK_FULL, Reason.DISK_FAILED})
StorageOf = Callable[[RecordedDevice], str]
"""The folder that a device records into, as storage events name it."""


class RecordingLedger:
    """Listens on the bus, to the storages, and to what the engine is assigned."""

    def __init__(self, keeper: LedgerKeeper, storage_of: StorageOf) -> None:
        self._keeper = keeper
        self._storage_of = storage_of
        self._storages: Mapping[DeviceId, str] = {}
        self._failing: dict[str, StorageFailed] = {}

    def expect(self, hardware: Iterable[RecordedHardware], manual: Collection[DeviceId], retain_minutes: int) -> None:
        """The engine has this hardware from now on; devices that are gone are nobody's."""
        self._keeper.set_retention(retain_minutes)
        storages: dict[DeviceId, str] = {}
        for item in hardware:
            for device in item.devices:
                storages[device.id] = self._storage_of(device)
                self._expect(device, item.enabled and item.camera.enabled, device.id in manual)
        for device_id in self._storages:
            if device_id not in storages:
                self._keeper.close_(device_id)
        self._storages = storages
        for failed in list(self._failing.values()):
            self._fail(failed)

    def _expect(self, device: RecordedDevice, enabled: bool, by_hand: bool) -> None:
        keep = self._keeper
        keep.open(device.id, ASSIGNED)
        if enabled and device.enabled:
            keep.close_(device.id, {Reason.STOPPED})
        else:
            keep.open(device.id, Reason.STOPPED, text("ledger.disabled"))
        if device.recording_enabled or by_hand:
            keep.close_(device.id, {Reason.POLICY}, track=TrackName(""))
        else:
            keep.open(device.id, Reason.POLICY, text("ledger.recording_off"))
        if device.record_secondary:
            keep.close_(device.id, {Reason.POLICY}, track=SECONDARY)
        else:
            keep.open(device.id, Reason.POLICY, text("ledger.secondary_off"), track=SECONDARY)

    # BusConsumer

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """Not noted."""

    def unit(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        """Not noted: what is recorded is in the files."""

    def state(self, device: DeviceId, state: DeviceState) -> None:
        keep = self._keeper
        if state.state == "lost":
            reason = Reason.NETWORK if state.unreachable else Reason.DEVICE_LOST
            keep.open(device, reason, state.reason)
            keep.close_(device, _CONNECTION - {reason})
        elif state.state == "connecting":
            keep.open(device, CONNECTING)
        else:  # live, or stopped, which `expect` has noted
            keep.close_(device, _CONNECTION)

    # storages; called on writer threads

    def storage(self, event: StorageEvent) -> None:
        match event:
            case Overflow(key, _, _, _, over=False):
                self._keeper.open(key.device, Reason.DISK_SLOW, text("ledger.disk_slow"), track=key.track)
            case Overflow(key):
                self._keeper.close_(key.device, {Reason.DISK_SLOW}, track=key.track)
            case StorageFailed():
                self._failing[event.path] = event
                self._fail(event)
            case StorageRecovered(path):
                self._failing.pop(path, None)
                for device in self._recording_to(path):
                    self._keeper.close_(device, _DISK)
            case _:
                pass

    def _fail(self, event: StorageFailed) -> None:
        reason = Reason.DISK_FULL if event.disk_full else Reason.DISK_FAILED
        for device in self._recording_to(event.path):
            self._keeper.open(device, reason, f"{event.path}: {event.reason}")

    def _recording_to(self, path: str) -> list[DeviceId]:
        devices = [device for device, storage in list(self._storages.items()) if storage == path]
        return devices or list(self._storages)  # better too many: what they record all the same counts


async def keep_beating(keeper: LedgerKeeper, clock: Clock) -> None:
    """Note on the event loop, again and again, that it turns; until cancelled."""
    while True:
        keeper.beat()
        await clock.sleep(BEAT_S)
