"""Creating, changing and removing items, with what a kind needs beside its row: accounts, addresses, tokens."""

from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from common.foundation.clock import UtcUs
from common.model.devices import Hardware
from common.model.item import Item
from common.model.permissions import Verb
from common.model.servers import ArchiveStorage, RecordingServer, Storage
from common.model.users import BasicUser, Role
from common.net.tokens import Principal
from server.management.api import private_views
from server.management.api.envelope import Envelope
from server.management.api.locks import lock_end
from server.management.configuration.creating import create_item
from server.management.configuration.hardware import dialled_changes
from server.management.configuration.items import NOT_STORED, InvalidProperties, Stored
from server.management.configuration.references import check_not_needed, check_references
from server.management.configuration.storages import check_storages, check_unused, create_storage
from server.management.configuration.time_profiles import check_appointments
from server.management.database.store import after_commit
from server.management.identity.accounts import name_key, user_from
from server.management.identity.revocations import revoke_user
from server.management.identity.sources import SOURCES, check_source, create_source, source_changed, source_removed
from server.management.services import Services

_UNLOCKED = "unlocked"  # names of users that a transaction unlocks


async def created(services: Services, model: type[Item], body: dict[str, Any], parent_id: str) -> dict[str, Any]:
    """Create an item of a creatable kind and return it as shown; raise InvalidProperties."""
    password_hash = await new_password_hash(services, model, body)
    return await services.database_pool.run(_created, services, model, body, parent_id, password_hash)


async def changed(
    services: Services, model: type[Item], identifier: str, body: dict[str, Any], version: int | None
) -> dict[str, Any]:
    """Change an item and return it as shown; raise NoSuchItem, VersionConflict, InvalidProperties."""
    password_hash = await new_password_hash(services, model, body, identifier)
    return await services.database_pool.run(
        _changed, services, model, identifier, body, version, password_hash=password_hash
    )


def deleted(services: Services, model: type[Item], identifier: str, version: int | None) -> None:
    """Remove an item and all below it; raise NoSuchItem, VersionConflict, LastAdministrator."""
    with services.database.write() as session:
        delete_in(services, session, model, identifier, version)


def need_writing(services: Services, session: Session, who: Principal, asked: private_views.Writing) -> None:
    """Raise NotPermitted unless a user may create, change or delete what they ask to; NoSuchItem."""
    if asked.verb is not Verb.DELETE and private_views.concern("", asked.model):
        private_views.need(session, services.items, services.authority, who, asked)
        return
    services.authority.need(session, who, asked.verb, asked.model, asked.identifier or asked.above)


async def new_password_hash(services: Services, model: type[Item], body: dict[str, Any], identifier: str = "") -> str:
    """Return the hash of the password that a body gives a (new) basic user, "" where it gives none; raise
    InvalidProperties when the policy does not allow it. Before the transaction, because hashing takes long."""
    if model is not BasicUser or (identifier and "password" not in body):
        return ""
    if not identifier:
        user = user_from({name: value for name, value in body.items() if name not in NOT_STORED})
        return await services.sign_in.new_hash(body.get("password"), user.name, ())
    name, used = await services.database_pool.run(services.sign_in.used_passwords_of, identifier)
    return await services.sign_in.new_hash(body["password"], str(body.get("name", name)), used)


def create_in(  # noqa: PLR0917 - what a creation needs
    services: Services, session: Session, model: type[Item], body: dict[str, Any], parent_id: str, password_hash: str
) -> Stored[Any]:
    """Create an item within a transaction; raise InvalidProperties."""
    if model is Storage or model is ArchiveStorage:
        return create_storage(session, services.items, model, body, parent_id)
    if model in SOURCES:
        return create_source(session, services.items, model, body, parent_id=parent_id, site_id=services.site_id)
    if model is BasicUser:
        user = user_from({name: value for name, value in body.items() if name not in NOT_STORED})
        return services.accounts.create(session, user, password_hash, services.site_id)
    return create_item(session, services.items, model, body, parent_id=parent_id, site_id=services.site_id)


def change_in(
    services: Services,
    session: Session,
    model: type[Item],
    identifier: str,
    *,
    body: dict[str, Any],
    version: int | None,
    password_hash: str = "",
) -> Stored[Any]:
    """Change an item within a transaction; raise NoSuchItem, VersionConflict, InvalidProperties."""
    changes = body
    if model is Hardware:
        changes = dialled_changes(session, services.items, identifier, body)
    if model is BasicUser:
        changes = {name: value for name, value in body.items() if name != "password"}
        if body.get("status") == "LockedOutBySystem":
            changes = _without_shown_lock(services, session, identifier, changes)
    stored = _fitted(services, session, services.items.change(session, model, identifier, changes, version))
    if isinstance(stored.item, BasicUser):
        if password_hash:
            services.accounts.set_password(session, stored.id, password_hash)
        if body.get("status") == "Enabled" or password_hash:
            key = name_key(stored.item.name)
            session.info.setdefault(_UNLOCKED, set()).add(key)
            after_commit(session, partial(services.lockout.succeeded, key))
    return services.items.get(session, model, identifier)


def put_back_in(
    services: Services,
    session: Session,
    model: type[Item],
    identifier: str,
    *,
    properties: dict[str, Any],
    version: int | None,
) -> Stored[Any]:
    """Give an item properties that it had before, read-only ones as well; raise as `change_in`."""
    return _fitted(services, session, services.items.update(session, model, identifier, properties, version))


def _fitted(services: Services, session: Session, stored: Stored[Any]) -> Stored[Any]:
    """Check a changed item against all others, and what hangs on it follows."""
    check_references(session, services.items, stored.item)
    check_appointments(stored.item)
    check_storages(session, services.items, stored)
    check_source(session, services.items, stored)
    source_changed(session, services.external, stored)
    if isinstance(stored.item, BasicUser):
        services.accounts.renamed(session, services.items.get(session, BasicUser, stored.id))
    return stored


def delete_in(services: Services, session: Session, model: type[Item], identifier: str, version: int | None) -> None:
    """Remove an item and all below it within a transaction; raise NoSuchItem, VersionConflict, LastAdministrator."""
    services.items.check_version(session, model, identifier, version)
    check_unused(session, services.items, model, identifier)
    if model is BasicUser:
        services.accounts.delete(session, identifier)
        services.second_factors.remove(session, identifier.lower())
        return
    if model is RecordingServer:
        revoke_user(session, identifier)
        after_commit(session, partial(services.statuses.forget, identifier))
    if model is Role:
        services.accounts.check_removable(session, identifier)
    check_not_needed(session, services.items, model, identifier)
    source_removed(session, services.items, services.external, model, identifier)
    services.items.delete(session, model, identifier)


def shown(services: Services, session: Session, stored: Stored[Any]) -> dict[str, Any]:
    """Return an item as the API will show it once this transaction counts."""
    unlocked, locked_until = session.info.get(_UNLOCKED, ()), lock_end(services)

    def until(name: str) -> UtcUs | None:
        return None if name_key(name) in unlocked else locked_until(name)

    return Envelope(session, services.items, services.statuses, lock_end=until).item(stored)


def _created(
    services: Services, model: type[Item], body: dict[str, Any], parent_id: str, password_hash: str
) -> dict[str, Any]:
    with services.database.write() as session:
        return shown(services, session, create_in(services, session, model, body, parent_id, password_hash))


def _changed(
    services: Services,
    model: type[Item],
    identifier: str,
    body: dict[str, Any],
    version: int | None,
    *,
    password_hash: str = "",
) -> dict[str, Any]:
    with services.database.write() as session:
        stored = change_in(
            services, session, model, identifier, body=body, version=version, password_hash=password_hash
        )
        return shown(services, session, stored)


def _without_shown_lock(services: Services, session: Session, identifier: str, body: dict[str, Any]) -> dict[str, Any]:
    """Pass over the lock that a client sends back as it was shown; raise InvalidProperties when it sets one."""
    name = services.items.get(session, BasicUser, identifier).item.name
    if services.lockout.remaining_s(name_key(name)) <= 0:
        raise InvalidProperties({"status": "Only the server locks accounts in this way."})
    return {key: value for key, value in body.items() if key != "status"}
