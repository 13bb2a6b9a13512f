"""Directories and login providers as configuration: what must hold for them, and what ends with them."""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete
from sqlalchemy.orm import Session

from common.model.identity import Directory, LoginProvider, RegisteredClaim, RoleClaim
from common.model.item import Item
from common.model.users import Role
from server.management.configuration.items import NOT_STORED, InvalidProperties, Items, Stored, validated
from server.management.database.identity_tables import RoleMemberRow
from server.management.identity.external_users import ExternalUsers
from server.management.identity.ldap_connection import server_of, trusted_context

SOURCES: tuple[type[Item], ...] = (Directory, LoginProvider, RegisteredClaim, RoleClaim)


def create_source(
    session: Session, items: Items, model: type[Item], body: Mapping[str, Any], *, parent_id: str, site_id: str
) -> Stored[Any]:
    """Create a directory, a login provider or a claim of one; raise NoSuchItem, InvalidProperties."""
    given = {name: value for name, value in body.items() if name not in NOT_STORED}
    unknown = set(given) - {each.wire_name for each in model.properties()}
    if unknown:
        raise InvalidProperties(dict.fromkeys(sorted(unknown), "There is no such property."))
    item = validated(model, {name: value for name, value in given.items() if name in model.writable()})
    parent = site_id
    if isinstance(item, RegisteredClaim):
        parent = items.get(session, LoginProvider, parent_id).id
    elif isinstance(item, RoleClaim):
        parent = items.get(session, Role, parent_id).id
        item = item.model_copy(update={"name": item.name or f"{item.claim_name} = {item.claim_value}"[:255]})
    stored = items.create(session, item, parent)
    check_source(session, items, stored)
    return stored


def check_source(session: Session, items: Items, changed: Stored[Any]) -> None:
    """Raise InvalidProperties when what was just stored cannot work."""
    item = changed.item
    problems: dict[str, str] = {}
    if isinstance(item, Directory):
        problems = _directory_problems(item)
        for other in items.list(session, Directory):
            if other.id != changed.id and other.item.domain.casefold() == item.domain.casefold():
                problems["domain"] = f"{other.item.name} has this domain already."
    elif isinstance(item, LoginProvider):
        problems = _pem_problem(item.ca_certificates)
        parts = urlsplit(item.authority)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
            problems["authority"] = "The authority must be an address that begins with https://."
        if not item.client_id:
            problems["clientId"] = "The provider knows this site by a client ID; enter it."
        if "openid" not in item.scopes:
            problems["scopes"] = "The scope openid is needed."
    elif isinstance(item, RoleClaim):
        known = {each.id for each in items.list(session, LoginProvider)}
        registered = {each.item.name for each in items.list(session, RegisteredClaim, item.claim_provider.lower())}
        if item.claim_provider.lower() not in known:
            problems["claimProvider"] = "There is no such login provider."
        elif item.claim_name not in registered:
            problems["claimName"] = "This claim is not registered with the login provider."
        if not item.claim_name or not item.claim_value:
            problems["claimName" if not item.claim_name else "claimValue"] = "A value is required."
    if problems:
        raise InvalidProperties(problems)


def source_changed(session: Session, external: ExternalUsers, changed: Stored[Any]) -> None:
    """Sign out whom a change may have taken something from."""
    item = changed.item
    match item:
        case Directory() | LoginProvider() if not item.enabled:
            external.forget_source(session, changed.id)
        case RoleClaim():
            external.forget_source(session, item.claim_provider.lower())
        case RegisteredClaim():
            external.forget_source(session, changed.parent_id or "")


def source_removed(session: Session, items: Items, external: ExternalUsers, model: type[Item], identifier: str) -> None:
    """End what hangs on an item that is about to be removed; raise NoSuchItem."""
    if model not in SOURCES:
        return
    stored = items.get(session, model, identifier)
    if isinstance(stored.item, Directory | LoginProvider):
        external.forget_source(session, stored.id)
        session.execute(delete(RoleMemberRow).where(RoleMemberRow.source_id == stored.id))
        for claim in items.list(session, RoleClaim):
            if claim.item.claim_provider.lower() == stored.id:
                items.delete(session, RoleClaim, claim.id)
    else:
        source_changed(session, external, stored)


def _directory_problems(item: Directory) -> dict[str, str]:
    problems = _pem_problem(item.ca_certificates)
    wrong = [each for each in item.servers if server_of(each) is None]
    if wrong or not item.servers:
        said = f"{wrong[0]} is no address of a server." if wrong else "At least one server is needed."
        problems["servers"] = f"{said} It must look like ldaps://dc1.example.com or ldap://dc1.example.com."
    if not item.base_dn or "=" not in item.base_dn:
        problems["baseDn"] = "Enter below which entry to search, for example DC=example,DC=com."
    if not item.bind_user:
        problems["bindUser"] = "Enter a user that may read the directory."
    if not item.domain or "\\" in item.domain:
        problems["domain"] = r"Enter the domain that stands in DOMAIN\user."
    return problems


def _pem_problem(pem: str) -> dict[str, str]:
    try:
        trusted_context(pem)
    except (ValueError, ssl.SSLError):
        return {"caCertificates": "These are no certificates in PEM form."}
    return {}
