"""What the media channel knows of devices: which exist, and what their tracks hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from common.api.recorder_configuration import RecordedHardware
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, SECONDARY
from server.recording.mediadb.contract import TrackKey
from server.recording.remembered import RememberedDevice


class NoSuchTrack(VmsError):
    """A viewer asked for a device or track that this recorder does not have."""

    message_key = "media.no_such_track"


@dataclass(frozen=True, slots=True)
class KnownTrack:
    kind: str  # as in `subscribed`: video, audio or metadata
    name: str  # of the device, for messages


class DeviceDirectory:
    """The tracks of the configured hardware, and those of devices that were removed but whose recordings may remain.
    Replaced as a whole when the configuration changes."""

    def __init__(self) -> None:
        self._tracks: dict[TrackKey, KnownTrack] = {}
        self._removed: dict[TrackKey, KnownTrack] = {}

    def replace(
        self, hardware: Iterable[RecordedHardware], remembered: Mapping[DeviceId, RememberedDevice] | None = None
    ) -> None:
        tracks: dict[TrackKey, KnownTrack] = {}
        for item in hardware:
            tracks[TrackKey(item.camera.id, PRIMARY)] = KnownTrack("video", item.camera.name)
            if item.sub_url:
                tracks[TrackKey(item.camera.id, SECONDARY)] = KnownTrack("video", item.camera.name)
            if item.microphone is not None:
                tracks[TrackKey(item.microphone.id, PRIMARY)] = KnownTrack("audio", item.microphone.name)
            if item.metadata is not None:
                tracks[TrackKey(item.metadata.id, PRIMARY)] = KnownTrack("metadata", item.metadata.name)
        self._tracks = tracks
        self._removed = {
            TrackKey(device, PRIMARY): KnownTrack(known.kind, known.name)
            for device, known in (remembered or {}).items()
            if TrackKey(device, PRIMARY) not in tracks
        }

    def find(self, key: TrackKey, *, removed_too: bool = False) -> KnownTrack:
        """Raises NoSuchTrack. `removed_too`: also those that only their recordings are left of."""
        known = self._tracks.get(key)
        if known is None and removed_too:
            known = self._removed.get(key)
        if known is None:
            raise NoSuchTrack(f"no track {key.track} of device {key.device}", track=key.track, device=key.device)
        return known

    def has(self, device: DeviceId) -> bool:
        return any(key.device == device for key in self._tracks)
