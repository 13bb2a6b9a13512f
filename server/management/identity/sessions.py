"""Signing in and staying signed in: the grants of `/idp/connect/token` (RFC 6749) and revocation (RFC 7009).

A refresh token is used once. Using an old one again ends its session, since one of the two users stole it.
"""

import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.foundation.errors import NotSignedIn
from common.foundation.ids import UserId, new_id
from common.net.tokens import AUDIENCE, RECORDERS, Principal, TokenVerifier
from server.management.database.tables import AccessTokenRow, DaemonRow, SessionRow
from server.management.identity.accounts import Accounts
from server.management.identity.hashing import token_hash
from server.management.identity.refusals import (
    GrantRefused,
    expired_session,
    locked_out,
    outside_hours,
    wrong_client,
    wrong_credentials,
)
from server.management.identity.revocations import forget_expired, revoke_session
from server.management.identity.sign_in import Proven
from server.management.identity.signing import SigningKeys
from server.management.identity.subjects import Subject, Subjects

audit = logging.getLogger("server.management.audit")

_FORGET_EVERY_S = 60
REUSE_GRACE_S = 15
"""A client whose answer got lost may send the refresh token before the newest one once more for so long."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens for a client; `refresh_token` empty when it gets none."""

    access_token: str
    refresh_token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class Started:
    """A session that has just begun, with its first tokens."""

    session_id: str
    user_name: str
    granted: Granted


class Sessions:
    """Works within the caller's transaction."""

    def __init__(
        self,
        accounts: Accounts,
        subjects: Subjects,
        keys: SigningKeys,
        issuer: str,
        *,
        token_life_s: int,
        session_life_s: int,
        now_s: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._subjects = subjects
        self._keys = keys
        self._issuer = issuer
        self._token_life_s = token_life_s
        self._session_life_s = session_life_s
        self._now_s = now_s
        self._forgot_s = 0.0
        self._verifier = TokenVerifier(keys.jwks_text(), issuer, now_s=now_s)

    def start(self, session: Session, proven: Proven, client_id: str) -> Started:
        """Start a session for a user that has proven itself; raise GrantRefused when that no longer holds."""
        user = self.still_proven(session, proven)
        self._check_roles(session, user, client_id)
        now_s = int(self._now_s())
        self._forget_expired(session)
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
        audit.info("signed in", extra={"user": user.name, "user_id": user.id, "client": client_id})
        return Started(row.id, user.name, self._granted(session, row, user.name, secret))

    def _check_roles(self, session: Session, user: Subject, client_id: str) -> None:
        if self._subjects.held(session, user.id) and not self._subjects.roles(session, user.id):
            audit.warning("sign-in refused", extra={"user": user.name, "reason": "outside the hours of its roles"})
            raise outside_hours()
        if not self._subjects.may_use(session, user.id, client_id):
            audit.warning("sign-in refused", extra={"user": user.name, "reason": f"may not use {client_id}"})
            raise wrong_client()

    def still_proven(self, session: Session, proven: Proven) -> Subject:
        """Return a user that has proven itself; raise GrantRefused when that no longer holds."""
        user = self._subjects.by_id(session, proven.user_id)
        if user is None or not user.enabled:
            raise locked_out()
        if proven.password_hash and not self._accounts.has_hash(session, user.id, proven.password_hash):
            raise wrong_credentials()
        return user

    def grant_refresh(self, session: Session, refresh_token: str) -> Granted | None:
        """Renew tokens. None: the token was used before, so its session was ended (commit, then refuse)."""
        session_id, _, secret = refresh_token.partition(".")
        row = session.get(SessionRow, session_id)
        now_s = int(self._now_s())
        if row is None or row.expires_s <= now_s:
            raise expired_session()
        given = token_hash(secret)
        repeated = hmac.compare_digest(given, row.previous_hash) and now_s - row.rotated_s <= REUSE_GRACE_S
        if not repeated and not hmac.compare_digest(given, row.refresh_hash):
            audit.warning("refresh token used twice", extra={"user_id": row.user_id, "session_id": row.id})
            revoke_session(session, row.id)
            return None
        user = self._subjects.by_id(session, row.user_id)
        if user is None or not user.enabled:
            raise expired_session()
        self._check_roles(session, user, row.client_id)
        fresh = secrets.token_urlsafe(32)
        row.previous_hash, row.refresh_hash, row.rotated_s = given, token_hash(fresh), now_s
        row.expires_s = now_s + self._session_life_s
        return self._granted(session, row, user.name, fresh)

    def grant_daemon(self, session: Session, client_id: str, client_secret: str) -> Granted:
        """Give an enrolled daemon its access token."""
        row = session.get(DaemonRow, client_id)
        if row is None or not hmac.compare_digest(token_hash(client_secret), row.secret_hash):
            audit.warning("sign-in refused", extra={"daemon": client_id, "reason": "unknown daemon or wrong secret"})
            raise GrantRefused("invalid_client", "invalid_client", "InvalidCredentials")
        self._forget_expired(session)
        roles = frozenset({RECORDERS} if row.kind == "recording" else set())
        token = self._access_token(session, "", row.id, row.id, roles, self._token_life_s)
        return Granted(token, "", self._token_life_s)

    def id_token(self, user_id: str, name: str, client_id: str, nonce: str) -> str:
        """Return what tells a client who signed in (OpenID Connect Core, section 2)."""
        now_s = int(self._now_s())
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": client_id,
            "sub": user_id,
            "name": name,
            "preferred_username": name,
            "iat": now_s,
            "exp": now_s + self._token_life_s,
        }
        return self._keys.sign(claims | ({"nonce": nonce} if nonce else {}))

    def principal(self, session: Session, token: str) -> Principal:
        """Return who a token speaks for, with the roles held now; raise NotSignedIn."""
        told = self._verifier.verify(token)
        row = session.get(AccessTokenRow, told.jti)
        if row is None or row.revoked:
            raise NotSignedIn("the token is revoked")
        if RECORDERS in told.roles:
            roles = frozenset({RECORDERS} if session.get(DaemonRow, told.user_id) else set())
        else:
            user = self._subjects.by_id(session, told.user_id)
            if user is None or not user.enabled:
                raise NotSignedIn("the user may not sign in any more")
            roles = self._subjects.role_names(session, user.id)
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

    def _forget_expired(self, session: Session) -> None:
        """Clean up once a minute: thousands may sign in at once."""
        now_s = self._now_s()
        if abs(now_s - self._forgot_s) >= _FORGET_EVERY_S:
            self._forgot_s = now_s
            forget_expired(session, now_s)

    def _granted(self, session: Session, row: SessionRow, name: str, refresh_secret: str) -> Granted:
        roles = self._subjects.role_names(session, row.user_id)
        life_s = self._subjects.counts_for_s(session, row.user_id, self._token_life_s)
        token = self._access_token(session, row.id, row.user_id, name, roles, life_s)
        return Granted(token, f"{row.id}.{refresh_secret}", life_s)

    def _access_token(  # noqa: PLR0917 - what a token says
        self, session: Session, session_id: str, user_id: str, name: str, roles: frozenset[str], life_s: int
    ) -> str:
        now_s = int(self._now_s())
        jti, expires_s = new_id(), now_s + life_s
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
