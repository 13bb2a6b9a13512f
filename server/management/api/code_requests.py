"""What a client asks of the authorization endpoint, and how it is answered (RFC 6749, 4.1; RFC 9207)."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from common.api.programs import PROGRAMS
from common.foundation.errors import VmsError
from server.management.identity.authorization_codes import CodeRequest, is_challenge, may_redirect_to

_MOST_CHARS = 2048


class NoWayBack(VmsError):
    """A request whose client or address is not to be trusted: told to the person, sent nowhere."""

    message_key = "signin.bad_request"


class RequestRefused(VmsError):
    """A request that its client is told about (RFC 6749, 4.1.2.1)."""

    def __init__(self, wanted: CodeRequest, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.wanted = wanted
        self.error = error
        self.description = description


def read_code_request(query: Mapping[str, str], own_origin: str, listed: Iterable[str]) -> CodeRequest:
    """Check a request; raise NoWayBack or RequestRefused."""
    client, redirect = query.get("client_id", ""), query.get("redirect_uri", "")
    if client not in PROGRAMS:
        raise NoWayBack("the program is not known here")
    if len(redirect) > _MOST_CHARS or not may_redirect_to(redirect, own_origin, listed):
        raise NoWayBack("the address to go back to is not allowed")
    wanted = CodeRequest(
        client,
        redirect,
        query.get("code_challenge", ""),
        query.get("state", "")[:_MOST_CHARS],
        query.get("nonce", "")[:_MOST_CHARS],
        query.get("scope", "")[:_MOST_CHARS],
    )
    if query.get("response_type") != "code":
        raise RequestRefused(wanted, "unsupported_response_type", "only response_type=code is supported")
    if query.get("code_challenge_method") != "S256" or not is_challenge(wanted.challenge):
        raise RequestRefused(wanted, "invalid_request", "PKCE with code_challenge_method=S256 is required")
    if "none" in query.get("prompt", "").split():
        raise RequestRefused(wanted, "login_required", "nobody is signed in to this page")
    return wanted


def query_of(wanted: CodeRequest) -> str:
    """Write a request down again, for the address of the form."""
    return urlencode(
        {
            "response_type": "code",
            "client_id": wanted.client_id,
            "redirect_uri": wanted.redirect_uri,
            "code_challenge": wanted.challenge,
            "code_challenge_method": "S256",
            "state": wanted.state,
            "nonce": wanted.nonce,
            "scope": wanted.scope,
        }
    )


def way_back(wanted: CodeRequest, issuer: str, **answer: str) -> str:
    """Return where the browser goes with an answer."""
    state = {"state": wanted.state} if wanted.state else {}
    joint = "&" if "?" in wanted.redirect_uri else "?"
    return wanted.redirect_uri + joint + urlencode({**answer, **state, "iss": issuer})
