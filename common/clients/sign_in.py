"""What a sign-in may need beside user name and password, and why the server said no."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.foundation.errors import NotSignedIn, VmsError


@dataclass(frozen=True, slots=True, repr=False)
class SignInProofs:
    """What the server asked for besides; everything is sent again with each attempt."""

    code: str = ""
    new_password: str = ""
    second_user: str = ""
    second_password: str = ""
    second_code: str = ""

    def form(self) -> dict[str, str]:
        """Return the fields of the token request."""
        fields = {
            "otp": self.code,
            "new_password": self.new_password,
            "second_username": self.second_user,
            "second_password": self.second_password,
            "second_otp": self.second_code,
        }
        return {name: value for name, value in fields.items() if value}


class SignInRefused(NotSignedIn):
    """User name or password are wrong, or the account may not sign in now."""

    message_key = "error.sign_in_refused"


class AccountLocked(SignInRefused):
    """Too many failed attempts, or an administrator locked the account."""

    message_key = "error.account_locked"


class PasswordMustChange(SignInRefused):
    """The password has to be changed before anything else."""

    message_key = "error.password_must_change"


class NoRole(SignInRefused):
    """The user is known, but has no business on this site."""

    message_key = "error.not_authorized"


class OutsideHours(SignInRefused):
    """The user's roles count at other times of day or days only."""

    message_key = "error.outside_hours"


class ClientNotAllowed(SignInRefused):
    """No role of the user lets it sign in with this program."""

    message_key = "error.client_not_allowed"


class CodeRequired(SignInRefused):
    """A code of the authenticator app is required, of the user or (`of_authorizer`) of who authorises."""

    message_key = "error.second_factor_required"

    def __init__(self, detail: str, of_authorizer: bool = False) -> None:
        super().__init__(detail)
        self.of_authorizer = of_authorizer


class CodeWrong(SignInRefused):
    """The code is wrong, too old, or was used already."""

    message_key = "error.second_factor_invalid"


class AppMustBeSetUp(SignInRefused):
    """An authenticator app has to be set up first; `wrong_code`: the code that should have ended that was wrong."""

    message_key = "error.second_factor_setup"

    def __init__(self, detail: str, secret: str, uri: str, wrong_code: bool) -> None:
        super().__init__(detail)
        self.secret = secret
        self.uri = uri
        self.wrong_code = wrong_code


class AuthorizerRequired(SignInRefused):
    """A second person has to authorise the sign-in."""

    message_key = "error.authorization_required"


class AuthorizerRefused(AuthorizerRequired):
    """The second person could not do that."""

    message_key = "error.authorization_refused"


class DirectoryAway(VmsError):
    """The directory that the user belongs to does not answer. It says nothing about the user."""

    message_key = "error.directory_unavailable"
    retryable = True


_KINDS: Mapping[str, type[SignInRefused]] = {
    "LockedOut": AccountLocked,
    "ChangePassword": PasswordMustChange,
    "NotAuthorized": NoRole,
    "OutsideHours": OutsideHours,
    "ClientNotAllowed": ClientNotAllowed,
    "SecondFactorInvalid": CodeWrong,
    "AuthorizationRequired": AuthorizerRequired,
    "AuthorizationRefused": AuthorizerRefused,
}


def refusal(answer: Mapping[str, object]) -> VmsError:
    """Return what a refusing answer of the token endpoint means (RFC 6749, 5.2, with XProtect's `error_code`)."""
    description = str(answer.get("error_description", ""))
    code = str(answer.get("error_code") or description or answer.get("error"))
    detail = f"{code}: {description}" if description else code
    match code:
        case "DirectoryUnavailable":
            return DirectoryAway(detail)
        case "SecondFactorRequired":
            return CodeRequired(detail, "authorizer" in description)
        case "SecondFactorSetup":
            wrong = description == "invalid_second_factor"
            return AppMustBeSetUp(detail, str(answer.get("secret", "")), str(answer.get("otpauth_uri", "")), wrong)
        case _:
            return _KINDS.get(code, SignInRefused)(detail)
