"""Signing in and staying signed in: the grants of `/idp/connect/token` (RFC 6749) and revocation (RFC 7009).

A refresh token is used once. Using an old one again ends its session, since one of the two users stole it.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.foundation.errors import NotSignedIn, VmsError
from common.foundation.ids import UserId, new_id
from common.net.tokens import AUDIENCE, RECORDERS, Principal, TokenVerifier
from server.management.database.tables import AccessTokenRow, DaemonRow, SessionRow
from server.management.identity.accounts import Accounts, name_key
from server.management.identity.lockout import Lockout
from server.management.identity.passwords import Passwords
from server.management.identity.revocations import forget_expired, revoke_session
from server.management.identity.signing import SigningKeys

audit = logging.getLogger("server.management.audit")

REUSE_GRACE_S = 15
"""A client whose answer got lost may send the refresh token before the newest one once more for so long."""


class GrantRefused(VmsError):
    """No tokens: `error` as RFC 6749, 5.2, `description` and `code` as existing clients expect."""

    message_key = "error.sign_in_refused"

    def __init__(self, error: str, description: str, code: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.code = code


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens for a client; `refresh_token` empty when it gets none."""

    access_token: str
    refresh_token: str
    expires_in_s: int


class Sessions:
    """Blocking. `check_password` is slow on purpose; the others work within the caller's transaction."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        keys: SigningKeys,
        lockout: Lockout,
        issuer: str,
        *,
        token_life_s: int,
        session_life_s: int,
        now_s: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._keys = keys
        self._lockout = lockout
        self._issuer = issuer
        self._token_life_s = token_life_s
        self._session_life_s = session_life_s
        self._now_s = now_s
        self._verifier = TokenVerifier(keys.jwks_text(), issuer, now_s=now_s)

    def check_lock(self, user_name: str) -> None:
        """Raise GrantRefused while a name is locked."""
        if self._lockout.remaining_s(name_key(user_name)) > 0:
            audit.warning("sign-in refused", extra={"user": user_name, "reason": "locked"})
            raise GrantRefused("invalid_grant", "user_is_locked_out", "LockedOut")

    def stored_hash(self, session: Session, user_name: str) -> str | None:
        found = self._accounts.find(session, user_name)
        return None if found is None else found[1]

    def check_password(self, stored_hash: str | None, user_name: str, password: str) -> None:
        """Compare; raise GrantRefused and count the failure."""
        if self._passwords.matches(stored_hash, password):
            self._lockout.succeeded(name_key(user_name))
            return
        locked_s = self._lockout.failed(name_key(user_name))
        audit.warning(
            "sign-in refused", extra={"user": user_name, "reason": "wrong user or password", "locked_s": locked_s}
        )
        raise GrantRefused("invalid_grant", "invalid_username_or_password", "InvalidCredentials")

    def grant_password(self, session: Session, user_name: str, stored_hash: str, client_id: str) -> Granted:
        """Start a session for a user whose password was right."""
        found = self._accounts.find(session, user_name)
        if found is None or found[1] != stored_hash:
            raise GrantRefused("invalid_grant", "invalid_username_or_password", "InvalidCredentials")
        user = found[0]
        if user.item.status != "Enabled":
            audit.warning("sign-in refused", extra={"user": user_name, "reason": user.item.status})
            raise GrantRefused("invalid_grant", "user_is_locked_out", "LockedOut")
        if user.item.force_password_change:
            audit.warning("sign-in refused", extra={"user": user_name, "reason": "password must change"})
            raise GrantRefused("invalid_grant", "user_must_change_password", "ChangePassword")
        forget_expired(session, self._now_s())
        now_s = int(self._now_s())
        secret = secrets.token_urlsafe(32)
        row = SessionRow(
            id=new_id(),
            user_id=user.id,
            client_id=client_id,
            refresh_hash=token_hash(secret),
            previous_hash="",
            rotated_s=now_s,
            expires_s=now_s + self._session_life_s,
        )
        session.add(row)
        audit.info("signed in", extra={"user": user.item.name, "user_id": user.id, "client": client_id})
        roles = self._accounts.role_names(session, user.id)
        return self._granted(session, row, user.item.name, roles, secret)

    def grant_refresh(self, session: Session, refresh_token: str) -> Granted | None:
        """Renew tokens. None: the token was used before, so its session was ended (commit, then refuse)."""
        session_id, _, secret = refresh_token.partition(".")
        row = session.get(SessionRow, session_id)
        now_s = int(self._now_s())
        if row is None or row.expires_s <= now_s:
            raise _expired_session()
        given = token_hash(secret)
        repeated = hmac.compare_digest(given, row.previous_hash) and now_s - row.rotated_s <= REUSE_GRACE_S
        if not repeated and not hmac.compare_digest(given, row.refresh_hash):
            audit.warning("refresh token used twice", extra={"user_id": row.user_id, "session_id": row.id})
            revoke_session(session, row.id)
            return None
        user = self._accounts.by_id(session, row.user_id)
        if user is None or user.item.status != "Enabled":
            raise _expired_session()
        fresh = secrets.token_urlsafe(32)
        row.previous_hash, row.refresh_hash, row.rotated_s = given, token_hash(fresh), now_s
        row.expires_s = now_s + self._session_life_s
        return self._granted(session, row, user.item.name, self._accounts.role_names(session, user.id), fresh)

    def grant_daemon(self, session: Session, client_id: str, client_secret: str) -> Granted:
        """Give an enrolled daemon its access token."""
        row = session.get(DaemonRow, client_id)
        if row is None or not hmac.compare_digest(token_hash(client_secret), row.secret_hash):
            audit.warning("sign-in refused", extra={"daemon": client_id, "reason": "unknown daemon or wrong secret"})
            raise GrantRefused("invalid_client", "invalid_client", "InvalidCredentials")
        forget_expired(session, self._now_s())
        roles = frozenset({RECORDERS} if row.kind == "recording" else set())
        token = self._access_token(session, "", row.id, row.id, roles)
        return Granted(token, "", self._token_life_s)

    def principal(self, session: Session, token: str) -> Principal:
        """Return who a token speaks for, with the roles held now; raise NotSignedIn."""
        told = self._verifier.verify(token)
        row = session.get(AccessTokenRow, told.jti)
        if row is None or row.revoked:
            raise NotSignedIn("the token is revoked")
        if RECORDERS in told.roles:
            roles = frozenset({RECORDERS} if session.get(DaemonRow, told.user_id) else set())
        else:
            roles = self._accounts.role_names(session, told.user_id)
        return Principal(UserId(told.user_id), told.name, roles, told.expires_at_s, told.jti)

    def revoke(self, session: Session, token: str) -> None:
        """End the session that a refresh or access token belongs to; an unknown token is no error (RFC 7009, 2.2)."""
        session_id, _, secret = token.partition(".")
        row = session.get(SessionRow, session_id)
        if row is not None and hmac.compare_digest(token_hash(secret), row.refresh_hash):
            audit.info("signed out", extra={"user_id": row.user_id})
            revoke_session(session, row.id)
            return
        try:
            told = self._verifier.verify(token)
        except NotSignedIn:
            return
        known = session.get(AccessTokenRow, told.jti)
        if known is not None and not known.revoked and known.session_id:
            audit.info("signed out", extra={"user": told.name, "user_id": told.user_id})
            revoke_session(session, known.session_id)

    def _granted(
        self, session: Session, row: SessionRow, name: str, roles: frozenset[str], refresh_secret: str
    ) -> Granted:
        token = self._access_token(session, row.id, row.user_id, name, roles)
        return Granted(token, f"{row.id}.{refresh_secret}", self._token_life_s)

    def _access_token(self, session: Session, session_id: str, user_id: str, name: str, roles: frozenset[str]) -> str:
        now_s = int(self._now_s())
        jti, expires_s = new_id(), now_s + self._token_life_s
        session.add(AccessTokenRow(jti=jti, session_id=session_id, user_id=user_id, expires_s=expires_s, revoked=False))
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": user_id,
            "name": name,
            "roles": sorted(roles),
            "iat": now_s,
            "exp": expires_s,
            "jti": jti,
            "scope": "managementserver",
        }
        return self._keys.sign(claims)


def token_hash(secret: str) -> str:
    """Return what is stored of a random secret; it has too many bits to need a slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _expired_session() -> GrantRefused:
    return GrantRefused("invalid_grant", "invalid_refresh_token", "InvalidCredentials")
