"""Applies assignments: starts, changes and stops hardware, each without touching the others."""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from common.api.recorder_configuration import RecordedDevice, RecordedHardware, RecordedStorage
from common.foundation.catalog import text
from common.foundation.clock import Clock
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId, HardwareId
from common.media.access_unit import PRIMARY, SECONDARY
from server.recording.drivers.contract import DeviceAddress
from server.recording.ingest.bus import AccessUnitBus, DeviceState
from server.recording.ingest.recording import Recorder, TrackRecorder
from server.recording.ingest.session import DeviceFeed, DriverFor, keep_recording
from server.recording.mediadb.contract import TrackKey
from server.recording.prebuffer.recorder import SpooledRecorder
from server.recording.storages.device_storage import DeviceStorage
from server.recording.storages.reading import StoragesReader
from server.recording.storages.writers import StorageWriters

log = logging.getLogger(__name__)


class Assignment(BaseModel):
    """What one line of standard input asks for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hardware: tuple[RecordedHardware, ...] = ()
    retain_minutes: int = 10_080
    storages: tuple[RecordedStorage, ...] = ()  # none: the recorder's own folder, with `retain_minutes`
    manual: frozenset[DeviceId] = frozenset()


@dataclass(slots=True)
class _Running:
    """A piece of hardware at work."""

    hardware: RecordedHardware
    feed: DeviceFeed
    task: asyncio.Task[None]


class Expectations(Protocol):
    """Keeps account of what should be recorded."""

    def expect(self, hardware: Iterable[RecordedHardware], manual: Collection[DeviceId], retain_minutes: int) -> None:
        """The engine has this hardware from now on."""


class Engine:
    """The hardware of this process."""

    def __init__(
        self,
        storages: StorageWriters,
        reader: StoragesReader,
        bus: AccessUnitBus,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        *,
        drivers: DriverFor,
        ledger: Expectations | None = None,
    ) -> None:
        self._ledger = ledger
        self._storages = storages
        self._reader = reader
        self._bus = bus
        self._clock = clock
        self._tasks = tasks
        self._drivers = drivers
        self._running: dict[HardwareId, _Running] = {}
        self._manual: frozenset[DeviceId] = frozenset()

    async def apply(self, wanted: Assignment) -> None:
        """Bring what runs in step with `wanted`; returns when what was removed has sealed its files."""
        await self._storages.apply(wanted.storages, wanted.retain_minutes)
        self._storages.assign({d.id: d.storage for item in wanted.hardware for d in _devices(item)})
        self._reader.follow(wanted.storages)
        self._manual = wanted.manual
        if self._ledger is not None:
            self._ledger.expect(wanted.hardware, wanted.manual, wanted.retain_minutes)
        enabled = {item.id: item for item in wanted.hardware if item.enabled and item.camera.enabled}
        gone = [item for item in self._running if item not in enabled]
        changed = [item for item in enabled if item in self._running and self._restarts(enabled[item])]
        await asyncio.gather(*(self._stop(item, for_good=item in gone) for item in (*gone, *changed)))
        for item in wanted.hardware:
            if item.id not in enabled:
                self._publish_stopped(item)
        floors = await asyncio.to_thread(
            self._recorded_until, [item for item in enabled.values() if item.id not in self._running]
        )
        for hardware in enabled.values():
            running = self._running.get(hardware.id)
            if running is None:
                self._start(hardware, floors)
            else:
                running.hardware = hardware
                running.feed.apply_recording(self._is_recorded(hardware))

    def _restarts(self, hardware: RecordedHardware) -> bool:
        """Whether a change needs a new connection; names and what is recorded do not."""
        before = self._running[hardware.id].hardware
        return _connection(before) != _connection(hardware)

    def _recorded_until(self, added: list[RecordedHardware]) -> dict[TrackKey, int]:
        """Ask the media database how far each device is recorded, so that nothing is stamped before that."""
        floors: dict[TrackKey, int] = {}
        for hardware in added:
            for key in _recorded_tracks(hardware):
                try:
                    covered = self._reader.coverage(key)
                except StorageError as error:
                    log.warning("recorded time not known", extra={"device_id": key.device, "reason": str(error)})
                else:
                    floors[key] = 0 if covered is None else covered.end
        return floors

    def _is_recorded(self, hardware: RecordedHardware) -> "_Recorded":
        return _Recorded(hardware, self._manual)

    def _start(self, hardware: RecordedHardware, floors: dict[TrackKey, int]) -> None:
        recorded = self._is_recorded(hardware)
        devices = {device.id: device for device in _devices(hardware)}
        tracks = _recorded_tracks(hardware)

        def recorder_for(key: TrackKey) -> Recorder | None:
            if key not in tracks:
                return None
            running = self._running.get(hardware.id)
            now = recorded if running is None else self._is_recorded(running.hardware)
            return self._recorder(key, devices[key.device], recording=now(key.device))

        address = DeviceAddress(
            name=hardware.name,
            url=hardware.url,
            camera=hardware.camera.id,
            microphone=hardware.microphone.id if hardware.microphone and hardware.microphone.enabled else None,
            metadata=hardware.metadata.id if hardware.metadata and hardware.metadata.enabled else None,
            user=hardware.user,
            password=hardware.password,
            transport=hardware.transport,
            sub_url=hardware.sub_url,
        )
        feed = DeviceFeed(
            address,
            self._bus,
            self._clock,
            recorder_for=recorder_for,
            recorded_until=lambda key: floors.get(key, 0),
        )
        task = self._tasks.create_task(
            keep_recording(address, feed, self._drivers, self._clock), name=f"device {hardware.id}"
        )
        self._running[hardware.id] = _Running(hardware, feed, task)

    def _recorder(self, key: TrackKey, device: RecordedDevice, *, recording: bool) -> Recorder:
        """What stores a track, with its pre-buffer in memory or on the disk of its storage."""
        writer = self._storages.track(key)
        if device.prebuffer_in_memory or not device.prebuffer_seconds:
            return TrackRecorder(writer, device.prebuffer_seconds, recording=recording)
        return SpooledRecorder(
            key,
            writer,
            DeviceStorage(self._storages, key.device),
            device.prebuffer_seconds,
            clock=self._clock,
            start=lambda work, name: self._tasks.create_task(work, name=name),
            recording=recording,
        )

    async def _stop(self, item: HardwareId, *, for_good: bool) -> None:
        running = self._running.pop(item)
        running.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running.task
        await running.feed.close()
        for key in _recorded_tracks(running.hardware):
            await self._storages.close_track(key)
        if for_good:
            self._publish_stopped(running.hardware)
            for device in _devices(running.hardware):
                self._bus.forget(device.id)

    def _publish_stopped(self, hardware: RecordedHardware) -> None:
        reason = text("recording.stopped", camera=hardware.name)
        for device in _devices(hardware):
            known = self._bus.state_of(device.id)
            if known is None or known.state != "stopped":
                self._bus.publish_state(device.id, DeviceState("stopped", self._clock.now_us(), reason))

    async def stop(self) -> None:
        """Stop all hardware and seal its files."""
        await asyncio.gather(*(self._stop(item, for_good=False) for item in list(self._running)))


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Which devices of a piece of hardware are stored now: those recorded always, or by hand."""

    hardware: RecordedHardware
    manual: frozenset[DeviceId]

    def __call__(self, device: DeviceId) -> bool:
        if device in self.manual:
            return True
        return any(known.id == device and known.recording_enabled for known in _devices(self.hardware))


def _devices(hardware: RecordedHardware) -> tuple[RecordedDevice, ...]:
    return hardware.devices


def _recorded_tracks(hardware: RecordedHardware) -> tuple[TrackKey, ...]:
    """The tracks that may be stored: the first of each device, and the camera's second stream where that is wanted."""
    tracks = [TrackKey(device.id, PRIMARY) for device in _devices(hardware)]
    if hardware.camera.record_secondary and hardware.sub_url:
        tracks.append(TrackKey(hardware.camera.id, SECONDARY))
    return tuple(tracks)


def _connection(hardware: RecordedHardware) -> RecordedHardware:
    """The hardware without what can change while it is connected."""
    changes: dict[str, object] = {"name": "", "camera": _identity(hardware.camera)}
    if hardware.microphone is not None:
        changes["microphone"] = _identity(hardware.microphone)
    if hardware.metadata is not None:
        changes["metadata"] = _identity(hardware.metadata)
    return hardware.model_copy(update=changes)


def _identity(device: RecordedDevice) -> RecordedDevice:
    return device.model_copy(update={"name": "", "recording_enabled": True, "storage": ""})
