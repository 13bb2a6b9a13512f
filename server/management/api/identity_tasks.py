"""Tasks of users and directories: forget a second factor, try a directory, find whom a role could be given to."""

import logging
from collections.abc import Mapping
from typing import Any

from common.foundation.catalog import text
from common.model.users import BasicUser
from common.net.tokens import Principal
from server.management.configuration.items import InvalidProperties
from server.management.identity.directories import KnownDirectory
from server.management.identity.refusals import DirectoryUnavailable
from server.management.identity.revocations import revoke_user
from server.management.services import Services

audit = logging.getLogger("server.management.audit")


async def reset_second_factor(services: Services, who: Principal, user_id: str) -> None:
    """Let a user without its phone and recovery codes set up an app anew; it is signed out. Raises NoSuchItem."""
    await services.database_pool.run(_reset, services, user_id)
    audit.warning("second factor reset", extra={"user": who.name, "user_id": who.user_id, "of": user_id})


async def test_directory(services: Services, identifier: str) -> None:
    """Raise NoSuchItem, or InvalidProperties saying why a directory cannot be used."""
    await _asked(services, await services.database_pool.run(_directory, services, identifier), None)


async def find_members(services: Services, identifier: str, body: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return users and groups whose name begins with `text`; raise NoSuchItem, InvalidProperties."""
    wanted = body.get("text")
    if not isinstance(wanted, str) or not wanted.strip():
        raise InvalidProperties({"text": "Enter the beginning of a name."})
    directory = await services.database_pool.run(_directory, services, identifier)
    return await _asked(services, directory, wanted)


async def _asked(services: Services, directory: KnownDirectory, wanted: str | None) -> list[dict[str, str]]:
    try:
        if wanted is None:
            await services.directories.test(directory)
            return []
        found = await services.directories.members(directory, wanted)
    except DirectoryUnavailable as error:
        said = text("error.directory_failed", directory=directory.item.name, detail=error.detail)
        raise InvalidProperties({"servers": said}) from error
    return [
        {
            "sid": each.subject,
            "accountName": each.account_name,
            "domain": directory.item.domain,
            "identityType": "WindowsGroup" if each.is_group else "WindowsUser",
        }
        for each in found
    ]


def _directory(services: Services, identifier: str) -> KnownDirectory:
    with services.database.read() as session:
        return services.directories.by_id(session, identifier)


def _reset(services: Services, user_id: str) -> None:
    with services.database.write() as session:
        user = services.items.get(session, BasicUser, user_id)
        services.second_factors.remove(session, user.id)
        revoke_user(session, user.id)
