"""Where users come from beside the site's own accounts: directories and login providers, and what their claims mean."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.model.item import Enabled, Kind, NamedItem, Shown, Text

Texts = Annotated[tuple[Text, ...], Field(max_length=64)]


class Directory(NamedItem):
    """An Active Directory domain or another LDAP directory whose users and groups can be given roles."""

    kind: ClassVar = Kind(
        "directories",
        parents=("sites",),
        node="Security/Directories",
        creatable=True,
        deletable=True,
        tasks=("TestDirectory", "FindDirectoryMembers"),
    )
    enabled: Enabled = True
    directory_type: Annotated[Literal["ActiveDirectory", "OpenLdap"], Shown("Type", "Connection")] = "ActiveDirectory"
    servers: Annotated[
        Texts,
        Shown(
            "Servers",
            "Connection",
            help="ldaps://host[:port], or ldap://host[:port] for StartTLS; the first that answers.",
        ),
    ] = ()
    server_name: Annotated[
        Text, Shown("Name in the certificate", "Connection", help="Only where it is not the name in the address.")
    ] = ""
    ca_certificates: Annotated[
        Text, Shown("Trusted authorities", "Connection", help="PEM. Empty: those that this machine trusts.")
    ] = ""
    base_dn: Annotated[Text, Shown("Search below", "Connection", help="For example DC=example,DC=com")] = ""
    bind_user: Annotated[Text, Shown("Search as", "Connection", help="A user that may read: DN, or user@domain.")] = ""
    bind_password: Annotated[Text, Shown("Password", "Connection", secret=True)] = ""
    timeout_seconds: Annotated[float, Field(ge=0.5, le=60), Shown("Wait at most", "Connection", unit="s")] = 5.0
    domain: Annotated[Text, Shown("Domain", "Names", help=r"As in DOMAIN\user.")] = ""
    dns_domains: Annotated[
        Texts, Shown("DNS domains", "Names", help="What may stand behind the @ of user@domain.")
    ] = ()
    check_every_seconds: Annotated[
        int,
        Field(ge=0, le=86_400),
        Shown("Check signed-in users every", "Safety", unit="s", help="0: only when their tokens are renewed."),
    ] = 10
    allow_cached_sign_in: Annotated[
        bool,
        Shown("Let known users in while no server answers", "Safety", help="Keeps a hash of their last password."),
    ] = False
    cached_sign_in_hours: Annotated[int, Field(ge=1, le=720), Shown("For at most", "Safety", unit="h")] = 24


class LoginProvider(NamedItem):
    """An OpenID Connect provider that people sign in with."""

    kind: ClassVar = Kind(
        "loginProviders", parents=("sites",), node="Security/Login providers", creatable=True, deletable=True
    )
    enabled: Enabled = True
    authority: Annotated[Text, Shown("Authority", "Connection", help="https address of the provider.")] = ""
    client_id: Annotated[Text, Shown("Client ID", "Connection")] = ""
    client_secret: Annotated[Text, Shown("Client secret", "Connection", secret=True)] = ""
    callback_path: Annotated[Text, Shown("Redirect path", "Connection", read_only=True)] = "/idp/signin-oidc"
    scopes: Annotated[Texts, Shown("Scopes", "Connection")] = ("openid", "profile")
    prompt_for_login: Annotated[
        bool, Shown("Ask for the password each time", "Connection", help="Even of users that the provider knows.")
    ] = True
    user_name_claim_type: Annotated[
        Text, Shown("Claim with the user name", "Claims", help="Empty: preferred_username, email or sub.")
    ] = ""
    ca_certificates: Annotated[
        Text, Shown("Trusted authorities", "Connection", help="PEM. Empty: those that this machine trusts.")
    ] = ""
    allow_private_addresses: Annotated[
        bool,
        Shown("May be inside this network", "Connection", help="Else addresses of private networks are not asked."),
    ] = False


class RegisteredClaim(NamedItem):
    """A claim of a login provider that roles may ask for."""

    kind: ClassVar = Kind(
        "registeredClaims", parents=("loginProviders",), node="Security/Login providers", creatable=True, deletable=True
    )
    case_sensitive: Annotated[bool, Shown("Case matters")] = False


class RoleClaim(NamedItem):
    """Puts into a role everybody whose login provider says that a claim has a value."""

    kind: ClassVar = Kind("claims", parents=("roles",), node="Security/Roles", creatable=True, deletable=True)
    name: Annotated[Text, Shown("Name")] = ""
    claim_provider: Annotated[Text, Shown("Login provider", help="Its id.")] = ""
    claim_name: Annotated[Text, Shown("Claim")] = ""
    claim_value: Annotated[Text, Shown("Value")] = ""
