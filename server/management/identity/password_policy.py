"""What a new password of a basic user must be like."""

import unicodedata
from dataclasses import dataclass

MOST_CHARS = 1024
_SHORTEST_NAME_IN_PASSWORD = 4  # a user called "Jo" may have these letters anywhere


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """`classes`: how many of small letters, capitals, digits and other characters it must hold.

    `history`: how many earlier passwords may not come back. `max_age_days`: after that it must be changed; 0: never.
    """

    min_chars: int = 8
    classes: int = 1
    history: int = 0
    max_age_days: int = 0

    def problem_with(self, password: object, user_name: str) -> str | None:
        """Return why a new password is not good enough, or None."""
        if not isinstance(password, str) or not password:
            return "A password is required."
        if len(password) < self.min_chars:
            return f"The password must have at least {self.min_chars} characters."
        if len(password) > MOST_CHARS:
            return f"The password must have at most {MOST_CHARS} characters."
        if _classes_in(password) < self.classes:
            kinds = "small letters, capital letters, digits and other characters"
            return f"The password must hold at least {self.classes} of these: {kinds}."
        plain, name = _plain(password), _plain(user_name)
        if name and (plain == name or (len(name) >= _SHORTEST_NAME_IN_PASSWORD and name in plain)):
            return "The password must not hold the user name."
        return None

    def is_too_old(self, changed_s: int, now_s: float) -> bool:
        """Tell whether a password that was set at `changed_s` must be changed."""
        return self.max_age_days > 0 and now_s - changed_s >= self.max_age_days * 86_400


def _classes_in(password: str) -> int:
    def kind(character: str) -> int:
        if character.islower():
            return 0
        if character.isupper():
            return 1
        return 2 if character.isdigit() else 3

    return len({kind(character) for character in password})


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
