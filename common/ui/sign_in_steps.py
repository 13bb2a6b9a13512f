"""What signing in does away from the GUI thread: trust on first use, then the password."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from common.clients.browser_sign_in import BrowserSignIn
from common.clients.management import ManagementClient
from common.clients.sign_in import SignInProofs
from common.foundation.errors import SettingsError, VmsError
from common.net.tls import CaOffer, CertificateNotTrusted, fetch_ca
from common.ui.remembered import Remembered, RememberedServer
from common.ui.session import Session, client_id


class AuthorityChanged(VmsError):
    """A server that was trusted now belongs to another certificate authority."""

    message_key = "error.authority_changed"


def no_page(_url: str) -> None:
    """Open nothing."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was typed; with a set-up code, the first administrator is made of it."""

    server_url: str
    user: str
    password: str
    setup_code: str = ""
    proofs: SignInProofs = field(default_factory=SignInProofs)
    browser: BrowserSignIn | None = None  # instead of user and password

    def __repr__(self) -> str:  # a password must not reach a log
        return f"Credentials({self.server_url}, {self.user})"


@dataclass(frozen=True, slots=True)
class TrustAsked:
    """Nobody on this computer trusted this server yet: a person has to compare the fingerprint."""

    server_url: str
    offer: CaOffer


def sign_in(
    typed: Credentials, remembered: Remembered, trusted_pem: str = "", open_page: Callable[[str], None] = no_page
) -> Session | TrustAsked:
    """Sign in; blocking. `trusted_pem` is an authority that the operator has just agreed to.

    `open_page` shows the browser's sign-in page, for who signs in there.

    A server that is met for the first time gives `TrustAsked` before any password is sent. Raises AuthorityChanged when
    a known server shows another authority, and whatever `ManagementClient` raises.
    """
    ca_pem = trusted_pem or remembered.authority(typed.server_url) or ""
    if not ca_pem:
        return TrustAsked(typed.server_url, _offer(typed.server_url))
    client = ManagementClient(typed.server_url, ca_pem, client_id=client_id())
    user = typed.user
    codes: tuple[str, ...] = ()
    try:
        if typed.setup_code:
            client.set_up(typed.setup_code, typed.user, typed.password)
        if typed.browser is not None:
            user = _in_browser(client, typed.browser, open_page)
        else:
            codes = client.sign_in(typed.user, typed.password, typed.proofs)
    except CertificateNotTrusted as error:
        client.close()
        if _belongs_to_another(typed.server_url, ca_pem):
            raise AuthorityChanged(str(error), server=_address(typed.server_url)) from error
        raise
    except VmsError:
        client.close()
        raise
    name = urlsplit(typed.server_url).hostname or typed.server_url
    try:
        remembered.remember(RememberedServer(typed.server_url, name, user, ca_pem))
    except SettingsError as error:
        client.close()
        raise error
    return Session(client, ca_pem, typed.server_url, user, codes)


def _in_browser(client: ManagementClient, attempt: BrowserSignIn, open_page: Callable[[str], None]) -> str:
    with attempt:
        open_page(attempt.url)
        return client.sign_in_with_code(attempt.wait())


def _address(server_url: str) -> str:
    return server_url.removeprefix("https://")


def _offer(server_url: str) -> CaOffer:
    parts = urlsplit(server_url)
    return fetch_ca(parts.hostname or "", parts.port or 443)


def _belongs_to_another(server_url: str, ca_pem: str) -> bool:
    try:
        return _offer(server_url).pem.strip() != ca_pem.strip()
    except VmsError:
        return False
