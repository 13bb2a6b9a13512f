"""What one recorder is told: its document of `common.api.recorder_configuration`, made from the items below it."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from common.api.recorder_configuration import (
    RecordedDevice,
    RecordedGrant,
    RecordedHardware,
    RecordedTimeProfile,
    RecorderConfiguration,
)
from common.foundation.ids import DeviceId, HardwareId, RecorderId
from common.foundation.local_zone import local_zone_name
from common.model.devices import Camera, Hardware, Microphone
from common.model.rules import TimeProfile
from common.model.servers import RecordingServer, Storage
from server.management.configuration.items import AnyItem, Items, Stored
from server.management.configuration.storages import recorded_storages
from server.management.database.store import configuration_version, get_state
from server.management.identity.authority import Authority
from server.management.identity.permissions import RolePermissions
from server.management.identity.revocations import revoked_tokens
from server.management.identity.signing import SigningKeys


class RecorderFeed:
    """Makes the documents."""

    def __init__(self, items: Items, keys: SigningKeys, permissions: RolePermissions, authority: Authority) -> None:
        self._items = items
        self._keys = keys
        self._permissions = permissions
        self._authority = authority

    def version(self, session: Session) -> int:
        return configuration_version(session)

    def document(self, session: Session, recorder_id: str, now_s: float) -> RecorderConfiguration:
        """Return the recorder's whole configuration; raise NoSuchItem."""
        recorder = self._items.get(session, RecordingServer, recorder_id)
        cameras = _by_parent(self._items.list(session, Camera))
        microphones = _by_parent(self._items.list(session, Microphone))
        storages = self._items.list(session, Storage, recorder.id)
        kept = next((storage.item.retain_minutes for storage in storages if storage.item.is_default), 10_080)
        hardware = (
            self._recorded(session, each, cameras.get(each.id, []), microphones.get(each.id, []))
            for each in self._items.list(session, Hardware, recorder.id)
        )
        return RecorderConfiguration(
            version=configuration_version(session),
            recorder=RecorderId(recorder.id),
            name=recorder.item.name,
            hardware=tuple(each for each in hardware if each is not None),
            storages=recorded_storages(session, self._items, recorder.id),
            retain_minutes=kept,
            jwks=self._keys.jwks_text(),
            issuer=get_state(session, "issuer") or "",
            revoked=revoked_tokens(session, now_s),
            time_profiles=tuple(
                RecordedTimeProfile(id=each.id, properties=dict(each.wire))
                for each in self._items.list(session, TimeProfile)
            ),
            time_zone=local_zone_name(),
            grants=tuple(RecordedGrant.model_validate(asdict(grant)) for grant in self._permissions.grants(session)),
        )

    def _recorded(
        self,
        session: Session,
        hardware: Stored[Hardware],
        cameras: list[Stored[Camera]],
        microphones: list[Stored[Microphone]],
    ) -> RecordedHardware | None:
        if not cameras:
            return None
        item = hardware.item
        return RecordedHardware(
            id=HardwareId(hardware.id),
            name=item.name,
            enabled=item.enabled,
            url=item.address,
            sub_url=item.sub_address,
            user=item.user_name,
            password=self._items.secrets(session, Hardware, hardware.id).get("password", ""),
            transport=item.transport,
            camera=_device(cameras[0], self._authority.within(session, cameras[0].id)),
            microphone=_device(microphones[0], self._authority.within(session, microphones[0].id))
            if microphones
            else None,
        )


def _device(stored: Stored[Camera] | Stored[Microphone], within: tuple[str, ...]) -> RecordedDevice:
    item = stored.item
    return RecordedDevice(
        id=DeviceId(stored.id),
        name=item.name,
        enabled=item.enabled,
        recording_enabled=item.recording_enabled,
        storage=item.recording_storage.id if item.recording_storage is not None else "",
        prebuffer_seconds=item.prebuffer_seconds if item.prebuffer_enabled else 0,
        prebuffer_in_memory=item.prebuffer_in_memory,
        record_secondary=isinstance(item, Camera) and item.record_secondary,
        within=within[1:],
    )


def _by_parent(stored: list[Stored[AnyItem]]) -> dict[str, list[Stored[AnyItem]]]:
    below: dict[str, list[Stored[AnyItem]]] = {}
    for each in stored:
        below.setdefault(each.parent_id or "", []).append(each)
    return below
