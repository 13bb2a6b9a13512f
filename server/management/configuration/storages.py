"""What must hold between storages, their archives and the devices that record into them."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from common.api.recorder_configuration import RecordedArchive, RecordedStorage
from common.model.devices import Camera, Hardware, Microphone
from common.model.item import Item, ItemPath
from common.model.servers import ArchiveStorage, RecordingServer, Storage
from server.management.configuration.items import NOT_STORED, InvalidProperties, Items, Stored, validated

MIN_PASSWORD_CHARS = 8
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://\S+$")
_ENDPOINT = re.compile(r"^https?://[^\s/@?#]+/?$", re.IGNORECASE)


def create_storage(
    session: Session, items: Items, model: type[Storage] | type[ArchiveStorage], body: Mapping[str, Any], parent_id: str
) -> Stored[Any]:
    """Create a storage of a recorder, or an archive behind a storage; raise NoSuchItem, InvalidProperties."""
    unknown = set(body) - NOT_STORED - {each.wire_name for each in model.properties()}
    if unknown:
        raise InvalidProperties(dict.fromkeys(sorted(unknown), "There is no such property."))
    item = validated(model, {name: value for name, value in body.items() if name not in NOT_STORED})
    if isinstance(item, Storage):
        parent = items.get(session, RecordingServer, parent_id).id
        item = item.model_copy(update={"is_default": False})
        _check_place(session, items, parent, item.disk_path)
    else:
        storage = items.get(session, Storage, parent_id)
        parent = storage.id
        _check_place(session, items, storage.parent_id or "", item.disk_path, url_too=True)
    stored = items.create(session, item, parent)
    check_storages(session, items, stored)
    return stored


def check_storages(session: Session, items: Items, changed: Stored[Any]) -> None:
    """Raise InvalidProperties when what was just stored does not fit its neighbours."""
    item = changed.item
    if isinstance(item, Storage):
        _check_protection(item, items.secrets(session, Storage, changed.id))
        _check_chain(session, items, changed)
        if item.spill_storage is not None:
            _check_neighbour(
                session, items, changed.parent_id or "", item.spill_storage, "spillStorage", but=changed.id
            )
    elif isinstance(item, ArchiveStorage):
        _check_object_store(session, items, changed)
        _check_chain(session, items, items.get(session, Storage, changed.parent_id or ""))
    elif isinstance(item, Camera | Microphone) and item.recording_storage is not None:
        recorder = items.get(session, Hardware, changed.parent_id or "").parent_id or ""
        _check_neighbour(session, items, recorder, item.recording_storage, "recordingStorage")


def check_unused(session: Session, items: Items, model: type[Item], identifier: str) -> None:
    """Raise InvalidProperties when a storage that is about to be removed is still needed."""
    if model is not Storage:
        return
    storage = items.get(session, Storage, identifier)
    users = [
        each.item.name
        for kind in (Camera, Microphone)
        for each in items.list(session, kind)
        if each.item.recording_storage is not None and each.item.recording_storage.id == storage.id
    ]
    if storage.item.is_default:
        raise InvalidProperties({"isDefault": "This is the default storage. Make another one the default first."})
    if users:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        raise InvalidProperties(
            {"name": f"Devices still record into it: {', '.join(users[:3])}{more}. Move them first."}
        )
    for other in items.list(session, Storage, storage.parent_id):
        if other.item.spill_storage is not None and other.item.spill_storage.id == storage.id:
            raise InvalidProperties({"spillStorage": f"The storage {other.item.name} spills into it."})


def set_default(session: Session, items: Items, identifier: str) -> None:
    """Make a storage the one that new devices of its recorder record into; raise NoSuchItem."""
    chosen = items.get(session, Storage, identifier)
    for each in items.list(session, Storage, chosen.parent_id):
        items.update(session, Storage, each.id, {"isDefault": each.id == chosen.id})


def encryption_changes(stored: Stored[Storage], task: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a task of encryption changes of a storage; raise InvalidProperties."""
    if task == "DisableEncryption":
        return {"encryptionMethod": "None"}
    if task == "ChangeEncryptionKey":
        if stored.item.encryption_method == "None":
            raise InvalidProperties({"encryptionMethod": "The storage is not encrypted."})
        return {"encryptionKeys": stored.item.encryption_keys + 1}
    method = body.get("encryptionMethod")
    if method not in ("Light", "Strong"):
        raise InvalidProperties({"encryptionMethod": "This must be Light or Strong."})
    password = {"encryptionPassword": body["password"]} if "password" in body else {}
    return {"encryptionMethod": method, **password}


def recorded_storages(session: Session, items: Items, recorder_id: str) -> tuple[RecordedStorage, ...]:
    """A recorder's storages as it is told them, the default one first."""
    archives: dict[str, list[Stored[ArchiveStorage]]] = {}
    for archive in items.list(session, ArchiveStorage):
        archives.setdefault(archive.parent_id or "", []).append(archive)
    stored = items.list(session, Storage, recorder_id)
    return tuple(
        RecordedStorage(
            id=each.id,
            name=each.item.name,
            path=each.item.disk_path,
            retain_minutes=each.item.retain_minutes,
            max_size_mb=each.item.max_size,
            archives=tuple(
                _archive(one, items.secrets(session, ArchiveStorage, one.id))
                for one in _in_order(archives.get(each.id, []))
            ),
            signing=each.item.signing,
            encryption=each.item.encryption_method,
            keys=each.item.encryption_keys,
            password=items.secrets(session, Storage, each.id).get("encryptionPassword", ""),
            spill_to=each.item.spill_storage.id if each.item.spill_storage is not None else "",
        )
        for each in sorted(stored, key=lambda one: not one.item.is_default)
    )


def _archive(stored: Stored[ArchiveStorage], secrets: Mapping[str, str]) -> RecordedArchive:
    item = stored.item
    fps = item.target_framerate if item.framerate_reduction_enabled and not item.keyframes_only else 0.0
    return RecordedArchive(
        id=stored.id,
        name=item.name,
        url=item.disk_path,
        retain_minutes=item.retain_minutes,
        max_size_mb=item.max_size,
        every_minutes=item.archive_every_minutes,
        at=tuple(time for schedule in item.archive_schedules for time in schedule.times()),
        groom="keyframes" if item.keyframes_only else "fps" if fps else "none",
        groom_fps=fps,
        options=_options(item, secrets),
    )


def _options(item: ArchiveStorage, secrets: Mapping[str, str]) -> dict[str, str]:
    """The object store's options, as its file system is given them; those that are not set are left to its defaults."""
    options = {
        "endpoint_url": item.endpoint_url,
        "client_kwargs.region_name": item.region,
        "key": item.access_key,
        "secret": secrets.get("secretKey", ""),
    }
    return {name: value for name, value in options.items() if value}


def _check_object_store(session: Session, items: Items, stored: Stored[ArchiveStorage]) -> None:
    """Raise InvalidProperties for options that the archive's place has no use for, or that are of no use alone."""
    item = stored.item
    secret = items.secrets(session, ArchiveStorage, stored.id).get("secretKey", "")
    given = {"endpointUrl": item.endpoint_url, "region": item.region, "accessKey": item.access_key, "secretKey": secret}
    if not item.disk_path.lower().startswith(("s3://", "s3a://")):
        wrong = [name for name, value in given.items() if value]
        if wrong:
            raise InvalidProperties(dict.fromkeys(wrong, "Only an archive at an s3:// address has this."))
    if item.endpoint_url and not _ENDPOINT.match(item.endpoint_url):
        raise InvalidProperties({"endpointUrl": "This must be an address such as https://s3.example.com:9000."})
    if bool(item.access_key) != bool(secret):
        name = "accessKey" if secret else "secretKey"
        raise InvalidProperties({name: "An access key and a secret key are only used together."})


def _in_order(archives: list[Stored[ArchiveStorage]]) -> list[Stored[ArchiveStorage]]:
    """Recordings move from archive to archive as they were added."""
    return sorted(archives, key=lambda one: one.created_us)


def _check_protection(item: Storage, secrets: Mapping[str, str]) -> None:
    """Encrypted recordings need a password: without it they are lost with the recorder's own key."""
    if item.encryption_method != "None" and len(secrets.get("encryptionPassword", "")) < MIN_PASSWORD_CHARS:
        why = f"Encryption needs a password of at least {MIN_PASSWORD_CHARS} characters."
        raise InvalidProperties({"encryptionPassword": why})


def _check_chain(session: Session, items: Items, storage: Stored[Storage]) -> None:
    before = storage.item.retain_minutes
    for archive in _in_order(items.list(session, ArchiveStorage, storage.id)):
        if archive.item.retain_minutes < before:
            why = f"The archive {archive.item.name} keeps {archive.item.retain_minutes} minutes. That is the total age"
            raise InvalidProperties(
                {"retainMinutes": f"{why} of a recording, at least the {before} of the stage before."}
            )
        before = archive.item.retain_minutes


def _check_place(session: Session, items: Items, recorder_id: str, path: str, *, url_too: bool = False) -> None:
    if not path.startswith("/") and not (url_too and _URL.match(path)):
        example = "an absolute path such as /srv/recordings" + (
            ", or an address such as s3://bucket" if url_too else ""
        )
        raise InvalidProperties({"diskPath": f"This must be {example}."})
    if "://" in path and "@" in path:
        raise InvalidProperties({"diskPath": "No user or key belongs in the address: use accessKey and secretKey."})
    for storage in items.list(session, Storage, recorder_id):
        others: list[Storage | ArchiveStorage] = [storage.item]
        others += [archive.item for archive in items.list(session, ArchiveStorage, storage.id)]
        for other in others:
            if other.disk_path.rstrip("/") == path.rstrip("/"):
                raise InvalidProperties({"diskPath": f"This place is used by {other.name}."})


def _check_neighbour(
    session: Session, items: Items, recorder_id: str, path: ItemPath, name: str, *, but: str = ""
) -> None:
    found = {each.id for each in items.list(session, Storage, recorder_id)}
    if path.type != "storages" or path.id not in found or path.id == but:
        raise InvalidProperties({name: "This must be another storage of the same recording server."})
