"""What an engine reports: JSON lines on standard output, which the gateway logs."""

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Literal

from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, TrackName
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import DeviceState
from server.recording.mediadb.events import IndexFailed, Overflow, StorageEvent, StorageFailed, StorageRecovered


class EventWriter:
    """Writes events as JSON lines on standard output; from any thread, one write a line."""

    def event(self, event: str, level: Literal["info", "warning", "error"] = "info", **fields: object) -> None:
        line = json.dumps({"event": event, "level": level, **fields}, separators=(",", ":")) + "\n"
        with contextlib.suppress(BrokenPipeError):  # the gateway is gone: so will we be, through our input
            os.write(sys.stdout.fileno(), line.encode())

    def storage(self, event: StorageEvent) -> None:
        """Report what the media database says."""
        match event:
            case Overflow(key, gops, units, size_bytes, over):
                self.event(
                    "overflow",
                    "info" if over else "error",
                    device=key.device,
                    track=key.track,
                    gops=gops,
                    units=units,
                    size_bytes=size_bytes,
                    over=over,
                )
            case StorageFailed(path, reason, disk_full):
                self.event("storage_error", "error", path=path, reason=reason, disk_full=disk_full)
            case StorageRecovered(path, lost_units):
                self.event("storage_recovered", "warning", path=path, lost_units=lost_units)
            case IndexFailed(path, reason):
                self.event("index_error", "error", path=path, reason=reason)
            case _:
                self.event(
                    "space_reclaimed", "warning", path=event.path, segments=event.segments, size_bytes=event.size_bytes
                )


class StateEvents:
    """Listens on the bus for states, to report them."""

    def __init__(self, events: EventWriter) -> None:
        self._events = events

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """Not reported."""

    def unit(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        """Not reported."""

    def state(self, device: DeviceId, state: DeviceState) -> None:
        level: Literal["info", "warning"] = "warning" if state.state == "lost" else "info"
        self._events.event(
            "device_state", level, device=device, state=state.state, since=state.since, reason=state.reason
        )
