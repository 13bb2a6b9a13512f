"""Notes for the audit log what one viewer watches: once a session, camera and kind, not once a picture."""

import logging

from common.foundation.ids import DeviceId
from common.net.tokens import Principal
from server.recording.api.devices import KnownTrack

audit = logging.getLogger("server.recording.audit")

_MOST = 4096  # of one session; a viewer who has that many begins again, and is noted again
_RESOURCES = {"video": "cameras", "audio": "microphones"}


class ViewingAudit:
    """Of one viewer's session."""

    def __init__(self) -> None:
        self._noted: set[tuple[str, str, DeviceId]] = set()

    def watched(self, who: Principal | None, device: DeviceId, track: KnownTrack, from_us: int | None) -> None:
        """A subscription began: live, or recorded from a moment on."""
        action = "live viewing" if from_us is None else "playback"
        if self._first(action, who, device):
            audit.info(action, extra=_about(who, device, track) | ({} if from_us is None else {"from_us": from_us}))

    def refused(self, who: Principal | None, device: DeviceId, track: KnownTrack, what: str) -> None:
        """The user may not do that with this device."""
        if self._first(what, who, device):
            audit.warning("refused", extra=_about(who, device, track) | {"what": what})

    def _first(self, action: str, who: Principal | None, device: DeviceId) -> bool:
        key = (action, "" if who is None else str(who.user_id), device)
        if key in self._noted:
            return False
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted.add(key)
        return True


def _about(who: Principal | None, device: DeviceId, track: KnownTrack) -> dict[str, object]:
    return {
        "user": "" if who is None else who.name,
        "user_id": "" if who is None else str(who.user_id),
        "item": f"{_RESOURCES.get(track.kind, track.kind)}/{device}",
        "item_name": track.name,
    }
