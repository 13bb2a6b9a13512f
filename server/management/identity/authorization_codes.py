"""The authorization code grant (RFC 6749, 4.1) with PKCE (RFC 7636), S256 only: codes, and where they may be sent."""

import base64
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.management.database.identity_tables import AuthorizationCodeRow
from server.management.identity.hashing import token_hash
from server.management.identity.refusals import GrantRefused
from server.management.identity.revocations import revoke_session

audit = logging.getLogger("server.management.audit")

CODE_LIFE_S = 60
_CHALLENGE = re.compile(r"^[A-Za-z0-9_-]{43}$")  # a SHA-256 in base64url
_VERIFIER = re.compile(r"^[A-Za-z0-9._~-]{43,128}$")  # RFC 7636, 4.1
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""What may stand in an address (RFC 3986, 2), without a fragment (RFC 6749, 3.1.2)."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What a client asked for at the authorization endpoint, checked."""

    client_id: str
    redirect_uri: str
    challenge: str
    state: str = ""
    nonce: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A code that was good: whose it is, and what was asked for."""

    code_hash: str
    user_id: str
    client_id: str
    nonce: str
    scope: str


class AuthorizationCodes:
    """Works within the caller's transaction."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s

    def issue(self, session: Session, user_id: str, wanted: CodeRequest) -> str:
        """Return a code that its client may redeem once, within a minute."""
        code = secrets.token_urlsafe(32)
        now_s = int(self._now_s())
        # A redeemed one is remembered for an hour, to notice that it is used again.
        session.execute(delete(AuthorizationCodeRow).where(AuthorizationCodeRow.expires_s < now_s - 3600))
        session.add(
            AuthorizationCodeRow(
                code_hash=token_hash(code),
                user_id=user_id,
                client_id=wanted.client_id,
                redirect_uri=wanted.redirect_uri,
                challenge=wanted.challenge,
                nonce=wanted.nonce,
                scope=wanted.scope,
                session_id="",
                expires_s=now_s + CODE_LIFE_S,
            )
        )
        return code

    def redeem(
        self, session: Session, code: str, *, client_id: str, redirect_uri: str, verifier: str
    ) -> Redeemed | None:
        """Check a code; raise GrantRefused. None: it was redeemed before, so its session was ended (commit, refuse)."""
        row = session.get(AuthorizationCodeRow, token_hash(code))
        if row is None:
            raise bad_code()
        if row.session_id:  # RFC 6749, 4.1.2: whoever has it the second time stole it
            audit.warning("authorization code used twice", extra={"user_id": row.user_id})
            revoke_session(session, row.session_id)
            return None
        same = row.client_id == client_id and row.redirect_uri == redirect_uri
        if row.expires_s <= self._now_s() or not same or not fits(verifier, row.challenge):
            raise bad_code()
        return Redeemed(row.code_hash, row.user_id, row.client_id, row.nonce, row.scope)

    def used(self, session: Session, redeemed: Redeemed, session_id: str) -> None:
        """Note which session a code was turned into."""
        row = session.get(AuthorizationCodeRow, redeemed.code_hash)
        if row is not None:
            row.session_id = session_id


def bad_code() -> GrantRefused:
    """The refusal of a code that is wrong, too old, used, or somebody else's."""
    return GrantRefused("invalid_grant", "invalid_authorization_code", "InvalidCredentials")


def fits(verifier: str, challenge: str) -> bool:
    """Tell whether a client that shows `verifier` is the one that sent `challenge` (RFC 7636, 4.6)."""
    if not _VERIFIER.match(verifier):
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_challenge(text: str) -> bool:
    return _CHALLENGE.match(text) is not None


def may_redirect_to(uri: str, own_origin: str, listed: Iterable[str]) -> bool:
    """Tell whether a code may be sent to an address: one that is listed, this server's, or a program's on loopback.

    RFC 8252, 7.3: a desktop program listens on a port of its own choice on loopback, over plain HTTP.
    """
    if uri in set(listed):
        return True
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not _URI.fullmatch(uri) or parts.username:
        return False
    if parts.scheme == "http" and host in _LOOPBACK:
        return True
    return parts.scheme == "https" and f"https://{parts.netloc}" == own_origin
