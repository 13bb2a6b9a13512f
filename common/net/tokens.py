"""Access tokens: JSON Web Tokens (RFC 7519) signed with RS256 by management, checked offline by every server."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import jwt

from common.foundation.errors import NotSignedIn
from common.foundation.ids import UserId

AUDIENCE = "managementserver"
ADMINISTRATORS = "administrators"
OPERATORS = "operators"
RECORDERS = "recorders"
"""Names of the built-in roles as they stand in a token; `recorders` is what a recording server's own token holds."""

_MOST_TOKEN_CHARS = 16_384
_REQUIRED = ["exp", "iss", "sub", "jti", "aud"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the token says."""

    user_id: UserId
    name: str
    roles: frozenset[str]
    expires_at_s: int  # seconds since 1970 UTC
    jti: str  # the token's own id, by which it is revoked

    @property
    def is_administrator(self) -> bool:
        return ADMINISTRATORS in self.roles


class TokenVerifier:
    """Checks tokens against a key set (RFC 7517) without asking anybody; safe to use from any thread."""

    def __init__(
        self, jwks: str, issuer: str, revoked: Iterable[str] = (), now_s: Callable[[], float] = time.time
    ) -> None:
        """Raise ValueError when `jwks` is no key set."""
        try:
            self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(jwks).keys}
        except (jwt.PyJWTError, ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"not a JSON Web Key Set: {error}") from error
        self._issuer = issuer
        self._revoked = frozenset(revoked)
        self._now_s = now_s

    def verify(self, token: str) -> Principal:
        """Return who a token speaks for; raise NotSignedIn saying why it does not count."""
        if len(token) > _MOST_TOKEN_CHARS:
            raise NotSignedIn("the token is too long")
        try:
            key = self._keys.get(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise NotSignedIn("the token is signed with an unknown key")
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=AUDIENCE,
                issuer=self._issuer,
                # Expiry is checked below with the clock we were given.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
            roles = claims.get("roles", [])
            principal = Principal(
                UserId(claims["sub"]),
                str(claims.get("name", "")),
                frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset(),
                int(claims["exp"]),
                str(claims["jti"]),
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise NotSignedIn(f"the token is invalid: {error}") from error
        if principal.expires_at_s <= self._now_s():
            raise NotSignedIn("the token is expired")
        if principal.jti in self._revoked:
            raise NotSignedIn("the token is revoked")
        return principal
