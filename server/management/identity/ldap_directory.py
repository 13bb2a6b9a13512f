"""What a directory says about users: who they are, which groups they are in, whether they may sign in now.

Blocking. A name that nobody has costs the directory the same steps as one that exists.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ldap3
from ldap3.utils.dn import escape_rdn

from common.foundation.ids import new_id
from common.model.identity import Directory
from server.management.identity.ldap_connection import LdapServers
from server.management.identity.ldap_names import (
    DirectoryName,
    groups_filter,
    member_filter,
    sid_text,
    subject_filter,
    user_filter,
)
from server.management.identity.refusals import (
    DirectoryUnavailable,
    GrantRefused,
    locked_out,
    must_change_password,
    wrong_credentials,
)

_USER_ATTRIBUTES = ("objectSid", "entryUUID", "sAMAccountName", "uid", "cn", "objectClass", "primaryGroupID")
_STATE_ATTRIBUTES = ("userAccountControl", "accountExpires", "msDS-User-Account-Control-Computed")
_DISABLED, _LOCKED, _PASSWORD_EXPIRED = 0x2, 0x10, 0x800000  # MS-ADTS 2.2.16, 3.1.1.4.5.17
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_EPOCH_1601_S = 11_644_473_600
_MOST_FOUND = 100
_MOST_GROUPS = 2000
_DEEPEST_NESTING = 16
_BIND_REASON = re.compile(r"data ([0-9a-f]{3})\b")


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user that may sign in: `subject` and `groups` are SIDs or `entryUUID`s."""

    subject: str
    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectoryMember:
    """A user or group that a role could be given to."""

    subject: str
    account_name: str
    is_group: bool


class LdapDirectory:
    """Asks one directory."""

    def __init__(self, name: str, item: Directory, bind_password: str, now_s: float) -> None:
        self._name = name
        self._item = item
        self._servers = LdapServers(name, item, bind_password)
        self._now_s = now_s

    def authenticate(self, name: DirectoryName, password: str) -> DirectoryUser:
        """Return whose password it is; raise GrantRefused or DirectoryUnavailable."""
        with self._servers.searching() as connection:
            found = self._search(connection, user_filter(name, self._item))
            entry = found[0] if len(found) == 1 else None
            dn = entry["dn"] if entry else f"CN={escape_rdn(new_id())},{self._item.base_dn}"
            right, said = self._servers.bind(dn, password)
            if not right or entry is None:
                raise self._refusal(said, known=entry is not None)
            self._refuse_unusable(entry)
            return self._user(connection, entry)

    def vouched(self, name: DirectoryName) -> DirectoryUser:
        """Return a user that has proven itself by a ticket; raise GrantRefused or DirectoryUnavailable."""
        with self._servers.searching() as connection:
            found = self._search(connection, user_filter(name, self._item))
            if len(found) != 1:
                raise wrong_credentials()
            self._refuse_unusable(found[0])
            return self._user(connection, found[0])

    def recheck(self, subjects: Sequence[str]) -> dict[str, DirectoryUser | None]:
        """Return what is true of users now; None for one that may not sign in any more."""
        with self._servers.searching() as connection:
            return {subject: self._now(connection, subject) for subject in subjects}

    def _now(self, connection: ldap3.Connection, subject: str) -> DirectoryUser | None:
        found = self._search(connection, subject_filter(subject, self._item))
        if len(found) != 1:
            return None
        try:
            self._refuse_unusable(found[0])
        except GrantRefused:
            return None
        return self._user(connection, found[0])

    def members(self, text: str) -> list[DirectoryMember]:
        """Return users and groups by the beginning of their name; raise DirectoryUnavailable."""
        with self._servers.searching() as connection:
            return [self._member(entry) for entry in self._search(connection, member_filter(text, self._item))]

    def member(self, subject: str) -> DirectoryMember | None:
        """Return the user or group with a SID or `entryUUID`; None when there is none. Raises DirectoryUnavailable."""
        try:
            wanted = subject_filter(subject, self._item)
        except ValueError:
            return None
        with self._servers.searching() as connection:
            found = self._search(connection, wanted)
            return self._member(found[0]) if len(found) == 1 else None

    def test(self) -> int:
        """Return how many objects stand at the search base, 1; raise DirectoryUnavailable saying what is wrong."""
        with self._servers.searching() as connection:
            connection.search(self._item.base_dn, "(objectClass=*)", ldap3.BASE, attributes=[])
            if connection.result["result"] != 0:
                raise DirectoryUnavailable(
                    self._name, f"{self._item.base_dn} cannot be searched: {connection.result['description']}"
                )
            return len(_entries(connection))

    def _search(self, connection: ldap3.Connection, wanted: str) -> list[dict[str, Any]]:
        attributes = [*_USER_ATTRIBUTES, *(_STATE_ATTRIBUTES if self._is_ad else ())]
        connection.search(
            self._item.base_dn,
            wanted,
            ldap3.SUBTREE,
            ldap3.DEREF_NEVER,
            attributes=attributes,
            size_limit=_MOST_FOUND,
            time_limit=max(1, int(self._item.timeout_seconds)),
        )
        if connection.result["result"] not in (0, 4):  # success, sizeLimitExceeded
            raise DirectoryUnavailable(self._name, f"a search failed: {connection.result['description']}")
        return _entries(connection)

    def _user(self, connection: ldap3.Connection, entry: Mapping[str, Any]) -> DirectoryUser:
        subject = self._subject(entry)
        if self._is_ad:
            found = self._group_entries(connection, entry["dn"])
            groups = {self._subject(each) for each in found}
            primary = _text(entry, "primaryGroupID")
            if primary.isdigit():  # the one group that is not among `member`: Domain Users
                groups.add(f"{subject.rpartition('-')[0]}-{primary}")
        else:
            groups = self._nested(connection, entry["dn"])
        return DirectoryUser(subject, self._shown(entry), tuple(sorted(groups)))

    def _nested(self, connection: ldap3.Connection, dn: str) -> set[str]:
        """Follow memberships upwards by hand: only Active Directory does it itself."""
        seen: dict[str, str] = {}
        level = [dn]
        for _ in range(_DEEPEST_NESTING):
            found = [each for below in level for each in self._group_entries(connection, below)]
            level = [each["dn"] for each in found if each["dn"] not in seen]
            seen |= {each["dn"]: self._subject(each) for each in found}
            if not level or len(seen) > _MOST_GROUPS:
                break
        return set(seen.values())

    def _group_entries(self, connection: ldap3.Connection, dn: str) -> list[dict[str, Any]]:
        pages = connection.extend.standard.paged_search(
            self._item.base_dn,
            groups_filter(dn, self._item),
            ldap3.SUBTREE,
            ldap3.DEREF_NEVER,
            attributes=["objectSid" if self._is_ad else "entryUUID"],
            paged_size=500,
            generator=False,
        )
        return [each for each in pages if each.get("type") == "searchResEntry"][:_MOST_GROUPS]

    def _member(self, entry: Mapping[str, Any]) -> DirectoryMember:
        classes = {each.decode().lower() for each in entry["raw_attributes"].get("objectClass", [])}
        is_group = bool(classes & {"group", "groupofnames", "groupofuniquenames"})
        return DirectoryMember(self._subject(entry), self._account(entry), is_group)

    def _subject(self, entry: Mapping[str, Any]) -> str:
        if not self._is_ad:
            return _text(entry, "entryUUID")
        sids = entry["raw_attributes"].get("objectSid", [])
        try:
            return sid_text(sids[0])
        except (IndexError, ValueError) as error:
            raise DirectoryUnavailable(self._name, f"{entry['dn']} has no readable objectSid") from error

    def _account(self, entry: Mapping[str, Any]) -> str:
        return _text(entry, "sAMAccountName") or _text(entry, "uid") or _text(entry, "cn")

    def _shown(self, entry: Mapping[str, Any]) -> str:
        return f"{self._item.domain}\\{self._account(entry)}"

    def _refuse_unusable(self, entry: Mapping[str, Any]) -> None:
        """Raise GrantRefused for an account that is disabled, expired or locked, or whose password is too old."""
        if not self._is_ad:
            return
        flags, computed = _number(entry, "userAccountControl"), _number(entry, "msDS-User-Account-Control-Computed")
        expires = _number(entry, "accountExpires")
        if flags & _DISABLED:
            raise locked_out("account_is_disabled")
        if expires not in _NEVER and expires / 1e7 - _EPOCH_1601_S <= self._now_s:
            raise locked_out("account_is_expired")
        if computed & _LOCKED:
            raise locked_out()
        if computed & _PASSWORD_EXPIRED:
            raise must_change_password()

    def _refusal(self, said: str, known: bool) -> GrantRefused:
        """Return what a refused bind means (the `data` codes of Active Directory are Windows' logon errors)."""
        reason = _BIND_REASON.search(said)
        match reason.group(1) if reason and known else "":
            case "532" | "773":
                return must_change_password()
            case "533":
                return locked_out("account_is_disabled")
            case "701":
                return locked_out("account_is_expired")
            case "530" | "531":
                return locked_out("account_may_not_sign_in_now")
            case "775":
                return locked_out()
            case _:
                return wrong_credentials()

    @property
    def _is_ad(self) -> bool:
        return self._item.directory_type == "ActiveDirectory"


def _entries(connection: ldap3.Connection) -> list[dict[str, Any]]:
    return [each for each in connection.response or [] if each.get("type") == "searchResEntry"]


def _text(entry: Mapping[str, Any], attribute: str) -> str:
    values = entry["raw_attributes"].get(attribute, [])
    return values[0].decode("utf-8", "replace") if values else ""


def _number(entry: Mapping[str, Any], attribute: str) -> int:
    text = _text(entry, attribute)
    try:
        return int(text)
    except ValueError:
        return 0
