"""What an engine reports: JSON lines on standard output, which the gateway logs."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Literal

from common.foundation.clock import Clock
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, TrackName
from server.recording.drivers.contract import DeviceTrack
from server.recording.ingest.bus import DeviceState
from server.recording.mediadb.events import (
    DeletionHeld,
    IndexFailed,
    Overflow,
    SpaceBlocked,
    StorageFailed,
    StorageRecovered,
)
from server.recording.storages.events import (
    AnyStorageEvent,
    KeysUnusable,
    KeysUsable,
    PreBuffersInMemory,
    PreBuffersOnDisk,
    SigningFailed,
    SigningWorks,
    SpillBegan,
    SpillEnded,
)

ALIVE_EVERY_S = 2.0
STOP_LINE = b'"stop"\n'
"""Last line of an engine's input when it is stopped on purpose."""


class EventWriter:
    """Writes events as JSON lines on standard output; from any thread, one write a line.

    A gateway that does not read must not stop recording: what does not fit into the pipe is left out and counted.
    """

    def __init__(self) -> None:
        self._output = sys.stdout.fileno()
        self._left_out = 0
        os.set_blocking(self._output, False)

    def event(self, event: str, level: Literal["debug", "info", "warning", "error"] = "info", **fields: object) -> bool:
        """Write an event; False when the gateway does not read."""
        if self._left_out:
            fields["left_out_before"] = self._left_out
        line = json.dumps({"event": event, "level": level, **fields}, separators=(",", ":")) + "\n"
        try:
            os.write(self._output, line.encode())
        except BlockingIOError:
            self._left_out += 1
            return False
        except BrokenPipeError:  # the gateway is gone: so will we be, through our input
            return False
        self._left_out = 0
        return True

    def storage(self, event: AnyStorageEvent) -> None:
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
            case SpaceBlocked(path, missing_bytes):
                self.event("space_blocked", "error", path=path, missing_bytes=missing_bytes)
            case DeletionHeld(path, segments, of):
                self.event("deletion_held", "error", path=path, segments=segments, of=of)
            case SpillBegan(path, to_path, reason):
                self.event("spill_began", "error", path=path, to_path=to_path, reason=reason)
            case SpillEnded(path, to_path):
                self.event("spill_ended", "warning", path=path, to_path=to_path)
            case KeysUnusable(path, reason):
                self.event("storage_keys_unusable", "error", path=path, reason=reason)
            case KeysUsable(path):
                self.event("storage_keys_usable", "warning", path=path)
            case PreBuffersInMemory(path, reason):
                self.event("prebuffers_in_memory", "error", path=path, reason=reason)
            case PreBuffersOnDisk(path):
                self.event("prebuffers_on_disk", "warning", path=path)
            case SigningFailed(reason):
                self.event("signing_failed", "error", reason=reason)
            case SigningWorks():
                self.event("signing_works", "warning")
            case IndexFailed(path, reason):
                self.event("index_error", "error", path=path, reason=reason)
            case _:
                self.event(
                    "space_reclaimed", "warning", path=event.path, segments=event.segments, size_bytes=event.size_bytes
                )


async def keep_saying_alive(events: EventWriter, states: "StateEvents", clock: Clock) -> None:
    """Let the gateway see that the event loop turns: an engine that hangs says nothing, and is replaced."""
    while True:
        events.event("alive", "debug")
        states.say_again()
        await clock.sleep(ALIVE_EVERY_S)


class StateEvents:
    """Listens on the bus for states, to report them; those that the gateway could not take are said again."""

    def __init__(self, events: EventWriter) -> None:
        self._events = events
        self._unsaid: dict[DeviceId, DeviceState] = {}

    def say_again(self) -> None:
        """Report what the gateway had no room for."""
        unsaid, self._unsaid = self._unsaid, {}
        for device, state in unsaid.items():
            self.state(device, state)

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        """Not reported."""

    def unit(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        """Not reported."""

    def state(self, device: DeviceId, state: DeviceState) -> None:
        level: Literal["info", "warning"] = "warning" if state.state == "lost" else "info"
        self._unsaid.pop(device, None)
        fields = {"device": device, "state": state.state, "since": state.since, "reason": state.reason}
        if not self._events.event("device_state", level, **fields):
            self._unsaid[device] = state
