"""The access-unit bus of an engine: hands every repaired unit to the recorder, the relay and whoever else listens.

Everything here runs on the engine's event loop and returns at once. A consumer that is slow must queue for itself, with
a bound; one that raises is logged, and the others do not notice.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, CodecConfig, TrackName
from server.recording.drivers.contract import DeviceTrack

log = logging.getLogger(__name__)

MOST_GOP_BYTES = 16 * 1024 * 1024
MOST_GOP_US = 30 * US_PER_S


@dataclass(frozen=True, slots=True)
class DeviceState:
    """How a device is doing, for viewers, logs and the ledger.

    `since`: the recorder's clock when the state began. `reason`: a sentence for a person, empty when all is well.
    `unreachable`: it is lost because there is no way to it, not because of what it did.
    """

    state: Literal["connecting", "live", "lost", "stopped"]
    since: UtcUs
    reason: str = ""
    unreachable: bool = False


class BusConsumer(Protocol):
    """Listens to all devices of an engine. Called on the event loop; returns at once."""

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """These tracks have this configuration from their next unit, which is a keyframe where it changed."""

    def unit(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        """The next unit of a track, in decoding order, its `utc_us` repaired."""

    def state(self, device: DeviceId, state: DeviceState) -> None:
        """The state of a device changed."""


@dataclass(slots=True)
class _CurrentGop:
    """What a late subscriber of one track is given."""

    config: CodecConfig
    units: list[AccessUnit] = field(default_factory=list)
    size_bytes: int = 0


class AccessUnitBus:
    """Fans units out to consumers, and keeps the current GOP of each track for whoever comes late.

    A GOP longer than 30 s or larger than 16 MiB is no longer kept: a late subscriber then waits for the next keyframe.
    """

    def __init__(self) -> None:
        self._consumers: tuple[BusConsumer, ...] = ()
        self._gops: dict[tuple[DeviceId, TrackName], _CurrentGop] = {}
        self._states: dict[DeviceId, DeviceState] = {}
        self._failing: set[int] = set()
        self.consumer_errors = 0

    def subscribe(self, consumer: BusConsumer) -> None:
        """Begin to hand everything to `consumer`; it may ask `current` and `states` for what came before."""
        if all(known is not consumer for known in self._consumers):
            self._consumers = (*self._consumers, consumer)

    def unsubscribe(self, consumer: BusConsumer) -> None:
        """Stop; an unknown consumer is ignored."""
        self._consumers = tuple(known for known in self._consumers if known is not consumer)
        self._failing.discard(id(consumer))

    def current(self, device: DeviceId, track: TrackName) -> tuple[CodecConfig, tuple[AccessUnit, ...]] | None:
        """Return the configuration of a track and its units since the last keyframe (for audio: the last unit).

        The units are empty before the first keyframe, while the device is lost, and in a GOP too large to keep.
        None: no such track has been seen.
        """
        gop = self._gops.get((device, track))
        return None if gop is None else (gop.config, tuple(gop.units))

    def state_of(self, device: DeviceId) -> DeviceState | None:
        """Return the current state of a device; None when this engine does not have it."""
        return self._states.get(device)

    @property
    def states(self) -> dict[DeviceId, DeviceState]:
        """The current state of every device, as a copy."""
        return dict(self._states)

    def publish_tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """Announce configurations; a track whose configuration changed starts with an empty GOP."""
        for track in tracks:
            key = (track.device, track.track)
            known = self._gops.get(key)
            if known is None or known.config != track.config:
                self._gops[key] = _CurrentGop(track.config)
        for consumer in self._consumers:
            try:
                consumer.tracks(tracks)
            except Exception as error:  # noqa: BLE001 - one consumer's bug must not reach the others
                self._failed(consumer, error)

    def publish(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        """Hand a unit to everybody. The track must have been announced; KeyError otherwise (a bug of the caller)."""
        gop = self._gops[(device, track)]
        if unit.keyframe:
            gop.units = [unit]
            gop.size_bytes = len(unit.data)
        elif gop.units:
            gop.units.append(unit)
            gop.size_bytes += len(unit.data)
            if gop.size_bytes > MOST_GOP_BYTES or unit.utc_us - gop.units[0].utc_us > MOST_GOP_US:
                gop.units = []
        for consumer in self._consumers:
            try:
                consumer.unit(device, track, unit)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(consumer, error)

    def publish_state(self, device: DeviceId, state: DeviceState) -> None:
        """Tell everybody how a device is doing. A device that is not live has no current picture."""
        self._states[device] = state
        if state.state != "live":
            for (owner, _), gop in self._gops.items():
                if owner == device:
                    gop.units = []
        for consumer in self._consumers:
            try:
                consumer.state(device, state)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(consumer, error)

    def forget(self, device: DeviceId) -> None:
        """The engine no longer has this device."""
        self._states.pop(device, None)
        for key in [key for key in self._gops if key[0] == device]:
            del self._gops[key]

    def _failed(self, consumer: BusConsumer, error: Exception) -> None:
        """Count, and log the first failure of each consumer with its trace: it may fail 25 times a second."""
        self.consumer_errors += 1
        if id(consumer) not in self._failing:
            self._failing.add(id(consumer))
            log.error("bus consumer failed", extra={"consumer": type(consumer).__name__}, exc_info=error)
