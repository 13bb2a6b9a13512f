"""Passwords of basic users: argon2id (RFC 9106), in the same time for users that do not exist."""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

MOST_CHARS = 1024


class Passwords:
    """Hashes and checks; blocking and deliberately slow: to be called from a small pool of its own."""

    def __init__(self, min_chars: int) -> None:
        self._hasher = PasswordHasher()
        self._min_chars = min_chars
        self._nobody = self._hasher.hash("the password of nobody")

    def problem_with(self, password: str, user_name: str) -> str | None:
        """Return why a new password is not good enough, or None."""
        if len(password) < self._min_chars:
            return f"The password must have at least {self._min_chars} characters."
        if len(password) > MOST_CHARS:
            return f"The password must have at most {MOST_CHARS} characters."
        if password.casefold() == user_name.casefold():
            return "The password must not be the user name."
        return None

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
