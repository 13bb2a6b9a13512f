"""VMS tokens: what the SOAP interface, recorders' older protocols and alarms take instead of a JWT.

`TOKEN#<guid>#<host>//ServerConnector#`. The guid is the secret; the database knows its hash only, in the table of
access tokens, so that signing out, removing a user and the recorders' list of revoked tokens work on both kinds alike.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.foundation.errors import NotSignedIn
from common.foundation.ids import UserId, new_id
from common.net.tokens import Principal
from server.management.database.store import configuration_changed
from server.management.database.tables import AccessTokenRow
from server.management.identity.hashing import token_hash
from server.management.identity.subjects import Subjects

LIFE_S = 4 * 3600
PREFIX = "TOKEN#"
_TOKEN = re.compile(r"^TOKEN#([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})#[^#]*#$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VmsToken:
    """A token as `Login` answers it: its text, when it was given and for how long it is good."""

    text: str
    registered_s: int  # since 1970 UTC
    life_us: int


class VmsTokens:
    """Works within the caller's transaction."""

    def __init__(self, subjects: Subjects, now_s: Callable[[], float]) -> None:
        self._subjects = subjects
        self._now_s = now_s

    def mint(self, session: Session, user_id: str, host: str, session_id: str = "") -> VmsToken:
        """Return a new token for a user that has proven itself.

        `session_id`: the session that ends it too; empty for a user that signed in for this token alone.
        """
        now_s, guid = int(self._now_s()), new_id()
        session.add(
            AccessTokenRow(
                jti=_jti(guid), session_id=session_id, user_id=user_id, expires_s=now_s + LIFE_S, revoked=False
            )
        )
        plain_host = "".join(c for c in host if c.isalnum() or c in ".-:[]")
        return VmsToken(f"{PREFIX}{guid}#{plain_host}//ServerConnector#", now_s, LIFE_S * 1_000_000)

    def renew(self, session: Session, token: str, host: str) -> VmsToken:
        """Return a token in place of one that still counts, which goes on until it runs out; raise NotSignedIn."""
        principal = self.principal(session, token)
        row = session.get(AccessTokenRow, principal.jti)
        return self.mint(session, principal.user_id, host, row.session_id if row is not None else "")

    def principal(self, session: Session, token: str) -> Principal:
        """Return who a token speaks for, with the roles held now; raise NotSignedIn."""
        row = session.get(AccessTokenRow, _jti(_guid(token)))
        if row is None or row.revoked:
            raise NotSignedIn("the token is revoked or unknown")
        if row.expires_s <= self._now_s():
            raise NotSignedIn("the token is expired")
        user = self._subjects.by_id(session, row.user_id)
        if user is None or not user.enabled:
            raise NotSignedIn("the user may not sign in any more")
        roles = self._subjects.role_names(session, user.id)
        return Principal(UserId(user.id), user.name, roles, row.expires_s, row.jti)

    def revoke(self, session: Session, token: str) -> None:
        """End one token (`Logout`); one that is unknown is no error."""
        try:
            row = session.get(AccessTokenRow, _jti(_guid(token)))
        except NotSignedIn:
            return
        if row is not None and not row.revoked:
            row.revoked = True
            configuration_changed(session)  # recorders are told


def _guid(token: str) -> str:
    found = _TOKEN.match(token) if len(token) <= 512 else None
    if found is None:
        raise NotSignedIn("the token is no VMS token")
    return found.group(1).lower()


def _jti(guid: str) -> str:
    return token_hash(guid)[:36]
