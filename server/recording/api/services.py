"""What a viewer's session is handed by the recorder."""

from dataclasses import dataclass
from typing import Protocol

from common.foundation.clock import Clock
from common.foundation.ids import DeviceId, RecorderId
from common.net.tokens import Principal
from common.protocols.media_channel.messages import Probe, Probed
from server.recording.access import Access
from server.recording.api.devices import DeviceDirectory
from server.recording.api.exports import ExportService
from server.recording.api.locks import LockService
from server.recording.playback.reading import RecordingsPool
from server.recording.relay.upstream import LiveRelay


class TokenCheck(Protocol):
    """Says who an access token speaks for, by the keys that are in force now."""

    def verify(self, token: str) -> Principal:
        """Raises NotSignedIn."""


class CameraProber(Protocol):
    """Tries a camera that is not configured."""

    async def probe(self, request: Probe) -> Probed:
        """Raises DeviceError, or another VmsError when trying itself failed."""


class HeldDeletions(Protocol):
    """Deletions that wait for an administrator."""

    async def confirm_deletion(self, identifier: str) -> None:
        """Let a storage go on with them."""


class ManualRecording(Protocol):
    """Starts and stops recording by hand."""

    async def set_manual(self, device: DeviceId, on: bool) -> None:
        """Returns when the engine was told."""


@dataclass(frozen=True, slots=True)
class RecorderServices:
    """One recorder, as its viewers see it."""

    recorder: RecorderId
    name: str
    tokens: TokenCheck
    access: Access
    devices: DeviceDirectory
    relay: LiveRelay
    recordings: RecordingsPool
    prober: CameraProber
    manual: ManualRecording
    exports: ExportService
    locks: LockService
    deletions: HeldDeletions
    clock: Clock
