"""Who may sign in, and what they may do."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.model.item import ItemPath, Kind, NamedItem, Shown, Text

ADMINISTRATORS_ROLE_ID = "6f0c9c6e-3b0e-4a54-9f5c-5b6f5a4f0a01"
OPERATORS_ROLE_ID = "6f0c9c6e-3b0e-4a54-9f5c-5b6f5a4f0a02"
BUILT_IN_ROLES = frozenset({ADMINISTRATORS_ROLE_ID, OPERATORS_ROLE_ID})
"""The built-in roles have the same ids on every site, and stay."""


class BasicUser(NamedItem):
    """An account of the site's own, with a password."""

    kind: ClassVar = Kind(
        "basicUsers",
        parents=("sites",),
        node="Security/Basic users",
        creatable=True,
        deletable=True,
        tasks=("ChangePasswordBasicUser", "ResetSecondFactor"),
    )
    status: Annotated[Literal["Enabled", "LockedOutByAdmin", "LockedOutBySystem"], Shown("Status")] = "Enabled"
    password: Annotated[str, Field(max_length=1024), Shown("Password", secret=True)] = ""
    can_change_password: Annotated[bool, Shown("May change the password")] = True
    force_password_change: Annotated[bool, Shown("Must change the password at next sign-in")] = False
    is_external: Annotated[bool, Shown("External", read_only=True)] = False


class Role(NamedItem):
    """A set of permissions that users are given."""

    kind: ClassVar = Kind(
        "roles",
        parents=("sites",),
        node="Security/Roles",
        creatable=True,
        deletable=True,
        tasks=("AddRoleMember", "RemoveRoleMember"),
    )
    role_type: Annotated[Literal["Adminstrative", "UserDefined"], Shown("Type", read_only=True)] = "UserDefined"
    token_name: Annotated[Text, Shown("Name in tokens", read_only=True)] = ""
    allow_smart_client_log_on: Annotated[bool, Shown("Smart Client", "Sign-in")] = True
    allow_mobile_client_log_on: Annotated[bool, Shown("Mobile client", "Sign-in")] = True
    allow_web_client_log_on: Annotated[bool, Shown("Web client", "Sign-in")] = True
    login_time_profile: Annotated[
        ItemPath | None,
        Shown(
            "Counts within the time profile",
            "Sign-in",
            help="Outside of it the role gives nothing, and who has no other is signed out. Not for administrators.",
            refers=("timeProfiles",),
        ),
    ] = None
    dual_authorization_required: Annotated[
        bool, Shown("A second person must authorise", "Sign-in", help="Administrators are exempt.")
    ] = False
    evidence_lock_profile: Annotated[
        ItemPath | None,
        Shown(
            "Evidence lock profile",
            "Recordings",
            help="For how long members may lock evidence; none: as they like.",
            refers=("evidenceLockProfiles",),
        ),
    ] = None
    second_factor_required: Annotated[
        bool, Shown("Codes of an authenticator app are required", "Sign-in", help="Set up at the next sign-in.")
    ] = False
