"""Creating, changing and removing items, with what a kind needs beside its row: accounts, addresses, tokens."""

from typing import Any

from sqlalchemy.orm import Session

from common.model.devices import Hardware
from common.model.item import Item
from common.model.servers import ArchiveStorage, RecordingServer, Storage
from common.model.users import BasicUser, Role
from server.management.api.envelope import Envelope
from server.management.api.locks import lock_end
from server.management.configuration.creating import create_item
from server.management.configuration.hardware import dialled_changes
from server.management.configuration.items import NOT_STORED, InvalidProperties, Stored
from server.management.configuration.references import check_not_needed, check_references
from server.management.configuration.storages import check_storages, check_unused, create_storage
from server.management.identity.accounts import name_key, user_from
from server.management.identity.revocations import revoke_user
from server.management.identity.sources import SOURCES, check_source, create_source, source_changed, source_removed
from server.management.services import Services


async def created(services: Services, model: type[Item], body: dict[str, Any], parent_id: str) -> dict[str, Any]:
    """Create an item of a creatable kind and return it as shown; raise InvalidProperties."""
    if model is Storage or model is ArchiveStorage:
        return await services.database_pool.run(_create_storage, services, model, body, parent_id)
    if model in SOURCES:
        return await services.database_pool.run(_create_source, services, model, body, parent_id)
    if model is not BasicUser:
        return await services.database_pool.run(_create, services, model, body, parent_id)
    given = {name: value for name, value in body.items() if name not in NOT_STORED}
    user = user_from(given)
    password_hash = await services.sign_in.new_hash(given.get("password"), user.name, ())
    return await services.database_pool.run(_create_user, services, user, password_hash)


async def changed(
    services: Services, model: type[Item], identifier: str, body: dict[str, Any], version: int | None
) -> dict[str, Any]:
    """Change an item and return it as shown; raise NoSuchItem, VersionConflict, InvalidProperties."""
    if model is not BasicUser or "password" not in body:
        return await services.database_pool.run(_change, services, model, identifier, body, version)
    name, used = await services.database_pool.run(services.sign_in.used_passwords_of, identifier)
    rest = {name: value for name, value in body.items() if name != "password"}
    password_hash = await services.sign_in.new_hash(body["password"], str(body.get("name", name)), used)
    return await services.database_pool.run(
        _change, services, model, identifier, rest, version, password_hash=password_hash
    )


def deleted(services: Services, model: type[Item], identifier: str, version: int | None) -> None:
    """Remove an item and all below it; raise NoSuchItem, VersionConflict, LastAdministrator."""
    with services.database.write() as session:
        services.items.check_version(session, model, identifier, version)
        check_unused(session, services.items, model, identifier)
        if model is BasicUser:
            services.accounts.delete(session, identifier)
            services.second_factors.remove(session, identifier.lower())
            return
        if model is RecordingServer:
            revoke_user(session, identifier)
            services.statuses.forget(identifier)
        if model is Role:
            services.accounts.check_removable(session, identifier)
        check_not_needed(session, services.items, model, identifier)
        source_removed(session, services.items, services.external, model, identifier)
        services.items.delete(session, model, identifier)


def _create(services: Services, model: type[Item], body: dict[str, Any], parent_id: str) -> dict[str, Any]:
    with services.database.write() as session:
        site_id = services.site_id
        stored = create_item(session, services.items, model, body, parent_id=parent_id, site_id=site_id)
        return _shown(services, session, stored)


def _create_storage(
    services: Services, model: type[Storage] | type[ArchiveStorage], body: dict[str, Any], parent_id: str
) -> dict[str, Any]:
    with services.database.write() as session:
        return _shown(services, session, create_storage(session, services.items, model, body, parent_id))


def _create_source(services: Services, model: type[Item], body: dict[str, Any], parent_id: str) -> dict[str, Any]:
    with services.database.write() as session:
        stored = create_source(session, services.items, model, body, parent_id=parent_id, site_id=services.site_id)
        return _shown(services, session, stored)


def _create_user(services: Services, user: BasicUser, password_hash: str) -> dict[str, Any]:
    with services.database.write() as session:
        stored = services.accounts.create(session, user, password_hash, services.site_id)
        return _shown(services, session, stored)


def _change(
    services: Services,
    model: type[Item],
    identifier: str,
    body: dict[str, Any],
    version: int | None,
    *,
    password_hash: str = "",
) -> dict[str, Any]:
    with services.database.write() as session:
        changes = dialled_changes(session, services.items, identifier, body) if model is Hardware else body
        if model is BasicUser and body.get("status") == "LockedOutBySystem":
            changes = _without_shown_lock(services, session, identifier, body)
        stored = services.items.change(session, model, identifier, changes, version)
        check_references(session, services.items, stored.item)
        check_storages(session, services.items, stored)
        check_source(session, services.items, stored)
        source_changed(session, services.external, stored)
        if isinstance(stored.item, BasicUser):
            services.accounts.renamed(session, services.items.get(session, BasicUser, identifier))
            if password_hash:
                services.accounts.set_password(session, stored.id, password_hash)
            if body.get("status") == "Enabled" or password_hash:
                services.lockout.succeeded(name_key(stored.item.name))
        return _shown(services, session, services.items.get(session, model, identifier))


def _without_shown_lock(services: Services, session: Session, identifier: str, body: dict[str, Any]) -> dict[str, Any]:
    """Pass over the lock that a client sends back as it was shown; raise InvalidProperties when it sets one."""
    name = services.items.get(session, BasicUser, identifier).item.name
    if services.lockout.remaining_s(name_key(name)) <= 0:
        raise InvalidProperties({"status": "Only the server locks accounts in this way."})
    return {key: value for key, value in body.items() if key != "status"}


def _shown(services: Services, session: Session, stored: Stored[Any]) -> dict[str, Any]:
    return Envelope(session, services.items, services.statuses, lock_end=lock_end(services)).item(stored)
