"""Passwords of basic users: argon2id (RFC 9106), in the same time for users that do not exist."""

from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.management.identity.password_policy import MOST_CHARS, PasswordPolicy


class Passwords:
    """Hashes and checks; blocking and deliberately slow: to be called from a small pool of its own."""

    def __init__(self, policy: PasswordPolicy, hasher: PasswordHasher | None = None) -> None:
        self.policy = policy
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("the password of nobody")

    def hash(self, password: str) -> str:
        return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    def matches(self, stored_hash: str | None, password: str) -> bool:
        """Check a password; `None`, for a user that does not exist, costs as much and is always false."""
        if len(password) > MOST_CHARS:
            return False
        try:
            self._hasher.verify(stored_hash or self._nobody, password.encode("utf-8", "surrogatepass"))
        except (Argon2Error, InvalidHashError):
            return False
        return stored_hash is not None

    def renewed(self, stored_hash: str, password: str) -> str | None:
        """Return the hash that shall replace one of a right password, made with older parameters; None: it may stay."""
        return self.hash(password) if self._hasher.check_needs_rehash(stored_hash) else None

    def is_among(self, password: str, hashes: Iterable[str]) -> bool:
        """Tell whether a password is one of those that were used before."""
        return any(self.matches(each, password) for each in hashes)
