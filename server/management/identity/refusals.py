"""Why somebody got no tokens, in the words of the token endpoint (RFC 6749, section 5.2)."""

from collections.abc import Mapping

from common.foundation.errors import VmsError

WRONG_CODE = "invalid_second_factor"


class GrantRefused(VmsError):
    """No tokens: `error` as RFC 6749, 5.2, `description` and `code` as existing clients expect.

    `more` goes into the answer beside them, such as the secret of a second factor that is to be set up.
    """

    message_key = "error.sign_in_refused"

    def __init__(self, error: str, description: str, code: str, more: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.code = code
        self.more = dict(more or {})


class DirectoryUnavailable(GrantRefused):
    """The directory that a user belongs to does not answer."""

    def __init__(self, directory: str, detail: str) -> None:
        super().__init__(
            "temporarily_unavailable", "directory_unavailable", "DirectoryUnavailable", {"directory": directory}
        )
        self.detail = detail


def wrong_credentials() -> GrantRefused:
    """User name or password: which of them is nobody's business."""
    return GrantRefused("invalid_grant", "invalid_username_or_password", "InvalidCredentials")


def locked_out(description: str = "user_is_locked_out") -> GrantRefused:
    return GrantRefused("invalid_grant", description, "LockedOut")


def no_role() -> GrantRefused:
    """The user is who they say, and has no business on this site."""
    return GrantRefused("invalid_grant", "user_has_no_role", "NotAuthorized")


def outside_hours() -> GrantRefused:
    """All roles of the user count at other times only."""
    return GrantRefused("invalid_grant", "user_has_no_role_now", "OutsideHours")


def wrong_client() -> GrantRefused:
    """No role of the user lets it sign in with this client."""
    return GrantRefused("unauthorized_client", "client_not_allowed", "ClientNotAllowed")


def must_change_password() -> GrantRefused:
    return GrantRefused("invalid_grant", "user_must_change_password", "ChangePassword")


def needs_second_factor(whose: str = "user") -> GrantRefused:
    return GrantRefused("invalid_grant", f"second_factor_of_{whose}_required", "SecondFactorRequired")


def needs_authorizer() -> GrantRefused:
    return GrantRefused("invalid_grant", "second_user_must_authorize", "AuthorizationRequired")


def wrong_authorizer() -> GrantRefused:
    return GrantRefused("invalid_grant", "invalid_second_user", "AuthorizationRefused")


def expired_session() -> GrantRefused:
    return GrantRefused("invalid_grant", "invalid_refresh_token", "InvalidCredentials")
