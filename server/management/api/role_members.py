"""Who is in a role: basic users, and users and groups of directories (`/roles/{id}/users`)."""

from typing import Any

from sqlalchemy.orm import Session

from common.model.permissions import Verb
from common.model.users import Role
from common.net.tokens import Principal
from server.management.configuration.items import InvalidProperties, NoSuchItem
from server.management.database.identity_tables import RoleMemberRow
from server.management.identity.directories import DirectoryMember, KnownDirectory
from server.management.identity.ldap_names import belongs_to, taken_apart
from server.management.services import Services

_DIRECTORY_TYPES = {True: "WindowsGroup", False: "WindowsUser"}


def members(services: Services, who: Principal, role_id: str) -> list[dict[str, Any]]:
    """Return a role's members as existing clients read them; raise NoSuchItem. Runs in the database's pool."""
    with services.database.read() as session:
        services.authority.need(session, who, Verb.READ, Role, role_id)
        basic = [
            _shown(role_id, user.id, user.item.name, "[BASIC]", "BasicUser")
            for user in services.accounts.members(session, role_id)
        ]
        outside = [
            _shown(role_id, row.external_id, row.account_name, row.domain, _DIRECTORY_TYPES[row.is_group])
            for row in services.external.members(session, role_id)
        ]
        return basic + outside


async def add_member(services: Services, role_id: str, member_id: str) -> None:
    r"""Put somebody into a role: a basic user by id, or by SID, `entryUUID` or `DOMAIN\name` one of a directory.

    Raises NoSuchItem, InvalidProperties, DirectoryUnavailable.
    """
    run = services.database_pool.run
    directories = await run(_directories_for, services, role_id, member_id)
    for directory in directories:
        found = await _in_directory(services, directory, member_id)
        if found is not None:
            await run(_add_outside, services, role_id, directory, found)
            return
    if directories and taken_apart(member_id).form != "bare":
        raise InvalidProperties({"sid": f"{directories[0].item.name} knows no user or group {member_id}."})
    await run(_add_basic, services, role_id, member_id)


def remove_member(services: Services, role_id: str, member_id: str) -> None:
    """Take somebody out of a role; raise NoSuchItem, LastAdministrator. Runs in the database's pool."""
    with services.database.write() as session:
        if not services.external.remove_member(
            session, role_id, _stored_spelling(session, services, role_id, member_id)
        ):
            services.accounts.remove_member(session, role_id, member_id)


def _stored_spelling(session: Session, services: Services, role_id: str, member_id: str) -> str:
    wanted = member_id.casefold()
    known = (row.external_id for row in services.external.members(session, role_id))
    return next((each for each in known if each.casefold() == wanted), member_id)


def _directories_for(services: Services, role_id: str, member_id: str) -> list[KnownDirectory]:
    """Return the directories that a member could be of; none for a basic user of ours."""
    with services.database.read() as session:
        services.accounts.members(session, role_id)  # the role must be there
        if services.accounts.by_id(session, member_id) is not None:
            return []
        parts = taken_apart(member_id)
        return [
            each for each in services.directories.all(session) if parts.form == "bare" or belongs_to(parts, each.item)
        ]


async def _in_directory(services: Services, directory: KnownDirectory, member_id: str) -> DirectoryMember | None:
    parts = taken_apart(member_id)
    if parts.form == "bare":
        return await services.directories.member(directory, member_id)
    found = await services.directories.members(directory, parts.user)
    return next((each for each in found if each.account_name.casefold() == parts.user.casefold()), None)


def _add_outside(services: Services, role_id: str, directory: KnownDirectory, found: DirectoryMember) -> None:
    row = RoleMemberRow(
        role_id=role_id.lower(),
        external_id=found.subject,
        source_id=directory.id,
        is_group=found.is_group,
        account_name=found.account_name,
        domain=directory.item.domain,
    )
    with services.database.write() as session:
        services.external.add_member(session, row)


def _add_basic(services: Services, role_id: str, user_id: str) -> None:
    with services.database.write() as session:
        try:
            services.accounts.add_member(session, role_id, user_id)
        except NoSuchItem as error:
            raise InvalidProperties({"sid": "There is no such user or group."}) from error


def _shown(role_id: str, member_id: str, name: str, domain: str, kind: str) -> dict[str, Any]:
    return {
        "displayName": name if kind == "BasicUser" else f"{domain}\\{name}",
        "id": member_id,
        "accountName": name,
        "domain": domain,
        "identityType": kind,
        "sid": member_id,
        "relations": {"self": {"type": "users", "id": member_id}, "parent": {"type": "roles", "id": role_id}},
    }
