"""Which page of the sign-in comes next, by what the sign-in still asks for."""

from collections.abc import Mapping, Sequence

from common.foundation.catalog import text
from common.foundation.errors import VmsError
from server.management.api.sign_in_page import Field, Page
from server.management.configuration.items import InvalidProperties
from server.management.identity.refusals import WRONG_CODE, GrantRefused
from server.management.identity.sign_in import Typed

_GOES_ON = frozenset(
    {"ChangePassword", "SecondFactorRequired", "SecondFactorSetup", "SecondFactorInvalid"}
    | {"AuthorizationRequired", "AuthorizationRefused"}
)


def goes_on(error: VmsError) -> bool:
    """Tell whether what was typed so far was right, so that only something more is asked for."""
    return isinstance(error, InvalidProperties) or (isinstance(error, GrantRefused) and error.code in _GOES_ON)


def kept(typed: Typed, error: VmsError) -> Typed:
    """Return what need not be typed again."""
    second = isinstance(error, GrantRefused) and error.code in ("AuthorizationRequired", "AuthorizationRefused")
    code = isinstance(error, GrantRefused) and error.description == WRONG_CODE
    return Typed(
        typed.name,
        typed.password,
        code="" if code else typed.code,
        new_password="" if isinstance(error, InvalidProperties) else typed.new_password,
        second_name="" if second else typed.second_name,
        second_password="" if second else typed.second_password,
        second_code="" if second or code else typed.second_code,
        address=typed.address,
    )


def credentials_page(
    site: str,
    action: str,
    form_token: str,
    *,
    name: str = "",
    error: str = "",
    links: Sequence[tuple[str, str]] = (),
) -> Page:
    """The first page: name and password."""
    return Page(
        site,
        text("signin.heading", site=site),
        (
            Field("username", text("signin.user"), "username", value=name),
            Field("password", text("signin.password"), "current-password", secret=True),
        ),
        text("signin.submit"),
        error=error,
        hidden=(("form_token", form_token),),
        action=action,
        links=links,
    )


def recovery_page(site: str, action: str, hidden: tuple[tuple[str, str], ...], codes: tuple[str, ...]) -> Page:
    """The page after an app was set up."""
    return Page(
        site,
        text("signin.recovery_heading"),
        submit=text("signin.recovery_submit"),
        explanation=text("signin.recovery_text"),
        hidden=hidden,
        codes=codes,
        action=action,
    )


def next_page(
    site: str, action: str, hidden: tuple[tuple[str, str], ...], user: str, *, error: VmsError, setup: Mapping[str, str]
) -> Page:
    """Return the page for what is missing. `setup`: key and URI of an app that is being set up."""
    over = ((action, text("signin.start_over")),)
    code = error.code if isinstance(error, GrantRefused) else "ChangePassword"
    wrong = isinstance(error, InvalidProperties) or code.endswith(("Invalid", "Refused"))
    said = words_of(error) if wrong or getattr(error, "description", "") == WRONG_CODE else ""
    match code:
        case "ChangePassword":
            fields: tuple[Field, ...] = (
                Field("new_password", text("signin.new_password"), "new-password", secret=True),
                Field("repeat_password", text("signin.repeat_password"), "new-password", secret=True),
            )
            kind = "new"
        case "AuthorizationRequired" | "AuthorizationRefused":
            fields = (
                Field("second_username", text("signin.second_user"), "off"),
                Field("second_password", text("signin.second_password"), "off", secret=True),
                Field("second_otp", text("signin.second_code"), "one-time-code", required=False),
            )
            kind = "second"
        case _:
            fields = (Field("otp", text("signin.code"), "one-time-code", numeric=bool(setup)),)
            kind = "setup" if setup else "code"
    submit = text("signin.code_submit" if kind == "setup" else f"signin.{kind}_submit")
    return Page(
        site,
        text(f"signin.{kind}_heading"),
        fields,
        submit,
        explanation=text(f"signin.{kind}_text", user=user),
        error=said,
        hidden=hidden,
        otpauth_uri=setup.get("otpauth_uri", ""),
        key=setup.get("secret", ""),
        links=over,
        action=action,
    )


def words_of(error: VmsError) -> str:
    """Return what a person reads about a refusal."""
    if isinstance(error, InvalidProperties):
        return " ".join(error.problems.values())
    if not isinstance(error, GrantRefused):
        return text("signin.failed_expired")
    code = "SecondFactorInvalid" if error.description == WRONG_CODE else error.code
    return text(f"signin.failed_{code}")
