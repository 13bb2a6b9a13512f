"""Who may do what with configuration items, decided by the same rule as on recorders."""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.foundation.errors import NotPermitted
from common.model.clients import ViewGroup
from common.model.item import Item
from common.model.kinds import ALL, BY_PLURAL
from common.model.permissions import BY_RESOURCE, LABELS, SECURITY, SERVERS, VIEWS, Namespace, Permissions, Verb
from common.model.profiles import ActiveProfiles
from common.model.rules import TimeProfile
from common.net.tokens import Principal
from server.management.database.store import configuration_version
from server.management.database.tables import ItemRow
from server.management.identity.permissions import RolePermissions

audit = logging.getLogger("server.management.audit")


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that decisions need, as of one version of the configuration."""

    version: int
    permissions: Permissions
    above: Mapping[str, str | None]
    groups: Mapping[str, Sequence[str]]
    """The groups that a device is in."""
    owners: Mapping[str, str]
    """The users whose private view groups these are."""


class Authority:
    """Blocking; within the caller's transaction, from any thread. What it reads is kept until something changes."""

    def __init__(self, roles: RolePermissions, now_us: Callable[[], int]) -> None:
        self._roles = roles
        self._active = ActiveProfiles(now_us)
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def mask(self, session: Session, who: Principal, namespace: Namespace, identifier: str) -> int:
        """Return what a user may do with an item, as bits of the namespace."""
        if who.is_administrator:
            return namespace.everything
        known = self._read(session)
        within = _within(known, identifier)
        if namespace is VIEWS and (owners := _owners(known, within)):  # private: neither roles nor grants count
            return namespace.everything if owners == {who.user_id} else 0
        return known.permissions.mask(who.roles, namespace, within, self._active)

    def may(self, session: Session, who: Principal, verb: Verb, model: type[Item], identifier: str) -> bool:
        """Return whether a user may do a thing with an item."""
        if who.is_administrator:
            return True
        namespace = namespace_of(model)
        if namespace is SECURITY and verb is not Verb.READ:
            return False  # whoever could change roles could become an administrator
        return bool(self.mask(session, who, namespace, identifier) & namespace.bits.get(verb, 0))

    def need(self, session: Session, who: Principal, verb: Verb, model: type[Item], identifier: str) -> None:
        """Raise NotPermitted unless they may."""
        if not self.may(session, who, verb, model, identifier):
            self._refuse(who, verb, f"{model.kind.plural}/{identifier}")

    def seen(self, session: Session, who: Principal, model: type[Item]) -> Callable[[str], bool]:
        """Return what tells of a kind's items, by id, whether a user may see them; raise NotPermitted if never any."""
        if who.is_administrator:
            return lambda _: True
        namespace = namespace_of(model)
        known = self._read(session)
        if not known.permissions.anywhere(Verb.READ, who.roles, namespace):
            self._refuse(who, Verb.READ, model.kind.plural)

        def may_see(identifier: str) -> bool:
            within = _within(known, identifier)
            if namespace is VIEWS and (owners := _owners(known, within)):
                return owners == {who.user_id}
            return known.permissions.may(Verb.READ, who.roles, namespace, within, self._active)

        return may_see

    def within(self, session: Session, identifier: str) -> tuple[str, ...]:
        """Return an item's id and those of all that it stands in, from which it inherits permissions."""
        return _within(self._read(session), identifier)

    def exists(self, session: Session, identifier: str) -> bool:
        """Return whether there is an item of this id."""
        return identifier in self._read(session).above

    def _read(self, session: Session) -> _Known:
        version = configuration_version(session)
        with self._lock:
            known = self._known
        if known is None or known.version != version:
            above = {row.id: row.parent_id for row in session.execute(select(ItemRow.id, ItemRow.parent_id))}
            grants = Permissions(self._roles.grants(session))
            known = _Known(version, grants, above, _groups(session), _private(session))
            if "changes" not in session.info:  # of a transaction that may yet be undone
                self._active.replace(_time_profiles(session), None)
                with self._lock:
                    self._known = known
        return known

    def _refuse(self, who: Principal, verb: Verb, what: str) -> None:
        audit.warning("refused", extra={"user": who.name, "user_id": who.user_id, "what": f"{verb} {what}"[:200]})
        raise NotPermitted(LABELS[verb])


def namespace_of(model: type[Item]) -> Namespace:
    """Return where a kind's permissions are: those of its nearest kind above that has any."""
    found = BY_RESOURCE.get(model.kind.plural)
    if found is not None:
        return found
    above = [plural for plural in model.kind.parents if plural != model.kind.plural]
    return namespace_of(BY_PLURAL[above[0]]) if above else SERVERS


def _within(known: _Known, identifier: str) -> tuple[str, ...]:
    chain: list[str] = []
    at: str | None = identifier
    while at is not None and at not in chain:
        chain.append(at)
        at = known.above.get(at)
    for group in known.groups.get(identifier, ()):
        above: str | None = group
        while above is not None and above not in chain:
            chain.append(above)
            above = known.above.get(above)
    return tuple(chain)


def _owners(known: _Known, within: Sequence[str]) -> set[str]:
    """Return whose private groups an item stands in: of one user, else nobody but administrators sees it."""
    return {known.owners[each] for each in within if each in known.owners}


def _time_profiles(session: Session) -> dict[str, TimeProfile]:
    query = select(ItemRow.id, ItemRow.properties).where(ItemRow.kind == TimeProfile.kind.plural)
    return {row.id: TimeProfile.model_validate_json(row.properties) for row in session.execute(query)}


def _private(session: Session) -> dict[str, str]:
    query = select(ItemRow.id, ItemRow.properties).where(ItemRow.kind == ViewGroup.kind.plural)
    found = {row.id: str(json.loads(row.properties).get("owner", "")).lower() for row in session.execute(query)}
    return {identifier: owner for identifier, owner in found.items() if owner}


def _groups(session: Session) -> dict[str, list[str]]:
    kinds = [model.kind.plural for model in ALL if model.kind.members]
    found: dict[str, list[str]] = {}
    for row in session.execute(select(ItemRow.id, ItemRow.properties).where(ItemRow.kind.in_(kinds))):
        for path in json.loads(row.properties).get("members", ()):
            found.setdefault(path["id"], []).append(row.id)
    return found
