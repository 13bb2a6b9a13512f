"""Keeps one piece of hardware recording: opens its driver, repairs time, delivers, and comes back when it is lost."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from common.foundation.backoff import Backoff
from common.foundation.catalog import explain, text
from common.foundation.clock import Clock, UtcUs
from common.foundation.errors import DeviceError, DeviceRefused, DeviceUnreachable, VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, MediaKind, TrackName
from server.recording.drivers.contract import DeviceAddress, DeviceTrack, Driver, RawUnit
from server.recording.ingest.bus import AccessUnitBus, DeviceState
from server.recording.ingest.recording import Recorder
from server.recording.ingest.timeline import MOST_LIP_SYNC_US, LipSync, TrackTimeline
from server.recording.ingest.watchdog import Watchdog
from server.recording.mediadb.contract import TrackKey

log = logging.getLogger(__name__)

REFUSED_WAIT_S = 15.0
DriverFor = Callable[[DeviceAddress], Driver]


@dataclass(slots=True)
class _Track:
    """What belongs to one track for as long as the hardware is configured, reconnects included."""

    device: DeviceId
    name: TrackName
    timeline: TrackTimeline
    timescale: int
    video: bool
    recorder: Recorder | None


class DeviceFeed:
    """DeviceSink of one piece of hardware: from raw units to the bus and the recorders."""

    def __init__(
        self,
        address: DeviceAddress,
        bus: AccessUnitBus,
        clock: Clock,
        *,
        recorder_for: Callable[[TrackKey], Recorder | None],
        recorded_until: Callable[[TrackKey], int],
    ) -> None:
        """`recorder_for`: who stores a track, None when it is only watched. `recorded_until`: nothing of a track may
        be stamped before this."""
        self._address = address
        self._bus = bus
        self._clock = clock
        self._recorder_for = recorder_for
        self._recorded_until = recorded_until
        self._tracks: list[_Track] = []
        self._known: dict[TrackKey, _Track] = {}
        self._lip_sync = LipSync()
        self._picture: int | None = None
        self._watchdog: Watchdog | None = None
        self._last_state: DeviceState | None = None
        self.live = False
        self.units = 0

    def begin(self, watchdog: Watchdog) -> None:
        """A new connection is being made."""
        self._watchdog = watchdog
        self._tracks = []
        self._picture = None
        self._lip_sync.clear()
        self.live = False

    def ended(self) -> None:
        """The connection is gone: every run ends here."""
        for track in self._known.values():
            track.timeline.restart()
            if track.recorder is not None:
                track.recorder.end_run()
        self.live = False

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """DeviceSink."""
        self._tracks = [self._prepared(track) for track in tracks]
        self._picture = next((n for n, t in enumerate(self._tracks) if t.video and t.name == PRIMARY), None)
        self._bus.publish_tracks(tracks)

    def _prepared(self, offered: DeviceTrack) -> _Track:
        key = TrackKey(offered.device, offered.track)
        config = offered.config
        known = self._known.get(key)
        if known is None or known.timescale != config.timescale:
            video = config.kind is MediaKind.VIDEO
            floor = self._recorded_until(key) if known is None else known.timeline.floor_us
            timeline = TrackTimeline(config.timescale, video=video, floor_us=floor)
            recorder = self._recorder_for(key) if known is None else known.recorder
            if known is not None and recorder is not None:
                recorder.end_run()
            known = _Track(offered.device, offered.track, timeline, config.timescale, video, recorder)
            self._known[key] = known
        if known.recorder is not None:
            known.recorder.configure(config)
        return known

    def unit(self, index: int, unit: RawUnit) -> None:
        """DeviceSink."""
        track = self._tracks[index]
        delay_s = self._clock.monotonic_s() - unit.arrival_s
        now_us = self._clock.now_us() - int(delay_s * 1_000_000)
        target_us = None if track.video else self._beside_picture(index, track, unit, now_us)
        if self._watchdog is not None and index == self._picture:  # sound alone is no camera
            self._watchdog.feed(unit.arrival_s, unit.pts)
        placed = track.timeline.place(unit, now_us, target_us)
        if placed is None:
            return
        if not self.live and index == self._picture:
            self.live = True
            self.publish_state("live", "")
        access_unit, new_run = placed
        if track.recorder is not None:
            track.recorder.write(access_unit, new_run=new_run)
        self.units += 1
        self._bus.publish(track.device, track.name, access_unit)

    def _beside_picture(self, index: int, sound: _Track, unit: RawUnit, now_us: int) -> int | None:
        """The wall time of the picture captured together with this sound; None when nothing reliable is known."""
        if self._picture is None:
            return None
        device_us = self._lip_sync.device_us(index, unit.pts, sound.timescale)
        offset_us = self._lip_sync.wall_less_device_us(self._picture, self._tracks[self._picture].timeline)
        if device_us is None or offset_us is None or abs(device_us + offset_us - now_us) > MOST_LIP_SYNC_US:
            return None
        return device_us + offset_us

    def sender_report(self, index: int, device_utc_us: UtcUs, ticks: int) -> None:
        """DeviceSink."""
        self._lip_sync.report(index, device_utc_us, ticks)

    def publish_state(
        self, state: Literal["connecting", "live", "lost", "stopped"], reason: str, *, unreachable: bool = False
    ) -> None:
        """Tell the bus, for the camera and what belongs to it. A state that lasts keeps its beginning."""
        last = self._last_state
        if last is not None and (last.state, last.reason) == (state, reason):
            return
        since = last.since if last is not None and last.state == state else self._clock.now_us()
        self._last_state = DeviceState(state, since, reason, unreachable)
        for device in (self._address.camera, self._address.microphone, self._address.metadata):
            if device is not None:
                self._bus.publish_state(device, self._last_state)

    def apply_recording(self, on: Callable[[DeviceId], bool]) -> None:
        """Start or stop storing the tracks of each device."""
        for track in self._known.values():
            if track.recorder is not None:
                track.recorder.set_recording(on(track.device))

    async def close(self) -> None:
        """The hardware is not recorded here any more: returns when the writers have all that is to be recorded."""
        await asyncio.gather(*(track.recorder.close() for track in self._known.values() if track.recorder is not None))


async def keep_recording(
    address: DeviceAddress,
    feed: DeviceFeed,
    driver_for: DriverFor,
    clock: Clock,
    *,
    retry: Backoff | None = None,
    silence_s: float = 10.0,
) -> None:
    """Run one device until cancelled. A device that is lost or refuses us is tried again for ever."""
    retry = retry or Backoff()
    feed.publish_state("connecting", "")
    while True:
        wait_s: float | None = None
        try:
            await _run_once(address, feed, driver_for, clock, silence_s)
        except* DeviceRefused as refused:
            wait_s = REFUSED_WAIT_S
            _lost(address, feed, refused)
        except* VmsError as lost:
            _lost(address, feed, lost)
        except* Exception as bug:
            # A fault in a driver must not take the other cameras of this engine with it.
            log.error("driver failed", extra={"camera_id": address.camera}, exc_info=bug)
            wait_s = REFUSED_WAIT_S
            feed.publish_state("lost", text("recording.driver_failed", camera=address.name))
        finally:
            was_live = feed.live
            feed.ended()
        if was_live:
            retry.succeeded()
        await clock.sleep(retry.next_s() if wait_s is None else max(wait_s, retry.next_s()))


async def _run_once(
    address: DeviceAddress, feed: DeviceFeed, driver_for: DriverFor, clock: Clock, silence_s: float
) -> None:
    watchdog = Watchdog(clock, address.name, silence_s)
    feed.begin(watchdog)
    async with asyncio.TaskGroup() as tasks:
        driver = driver_for(address)
        tasks.create_task(_run_driver(driver, address, feed), name=f"driver {address.camera}")
        tasks.create_task(watchdog.watch(), name=f"watchdog {address.camera}")


async def _run_driver(driver: Driver, address: DeviceAddress, feed: DeviceFeed) -> None:
    await driver.run(address, feed)
    raise DeviceError("the driver ended without a reason", camera=address.name)


def _lost(address: DeviceAddress, feed: DeviceFeed, errors: BaseExceptionGroup[VmsError]) -> None:
    """Say why, in a sentence for a person; log it when the reason is a new one."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, VmsError)
    first.params.setdefault("camera", address.name)
    reason = explain(first)
    log.warning("device lost", extra={"camera_id": address.camera, "reason": str(first)})
    feed.publish_state("lost", reason, unreachable=isinstance(first, DeviceUnreachable))
