"""A browser of few words: follows the sign-in page's forms with its cookies, as a person would fill them in."""

import secrets
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests

from server.management.identity.authorization_codes import challenge_of
from tests.support.management_rig import Management

BACK = "http://127.0.0.1:51234/back"
VERIFIER = secrets.token_urlsafe(48)


def address(server: Management, **changes: str) -> str:
    """Return where a program sends its user to sign in."""
    query = {
        "response_type": "code",
        "client_id": "VmsClient",
        "redirect_uri": BACK,
        "scope": "openid profile managementserver offline_access",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        "state": "a b&c",
        "nonce": "n-1",
        **changes,
    }
    return f"{server.url}/IDP/connect/authorize?{urlencode(query)}"


def redeem(server: Management, code: str, **changes: str) -> requests.Response:
    """Turn a code into tokens."""
    form = {"code": code, "code_verifier": VERIFIER, "redirect_uri": BACK, "client_id": "VmsClient", **changes}
    return server.grant(grant_type="authorization_code", **form)


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.values: dict[str, str] = {}
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.action = given.get("action", "")
            case "input":
                self.values[given["name"]] = given.get("value", "")
            case "a":
                self.links.append(given.get("href", ""))

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


class Browser:
    """Opens pages, fills in forms, and stops where an address leads out of `inside`."""

    def __init__(self, ca_file: str | dict[str, str], inside: tuple[str, ...]) -> None:
        """`ca_file`: one for all, or by origin."""
        self._session = requests.Session()
        self._session.trust_env = False
        self._ca_file = ca_file
        self._inside = inside
        self.answer: requests.Response | None = None
        self.form = _Form()
        self.left_to = ""

    def close(self) -> None:
        if self.answer is not None:
            self.answer.close()
        self._session.close()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def open(self, url: str) -> None:
        self._go("GET", url)

    def submit(self, **typed: str) -> None:
        """Fill in the page's form and send it."""
        assert self.answer is not None
        fields = {**self.form.values, **typed}
        assert set(typed) <= set(self.form.values), f"the page has no {set(typed) - set(self.form.values)}"
        self._go("POST", urljoin(self.answer.url, self.form.action), data=fields)

    @property
    def text(self) -> str:
        return self.form.text

    @property
    def fields(self) -> set[str]:
        return set(self.form.values)

    def left_with(self) -> dict[str, str]:
        """Return the query that the browser left with."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.left_to).query).items()}

    def _go(self, method: str, url: str, data: dict[str, str] | None = None) -> None:
        for _ in range(10):
            if not url.startswith(self._inside):
                self.left_to = url
                return
            parts = urlsplit(url)
            verify = (
                self._ca_file if isinstance(self._ca_file, str) else self._ca_file[f"{parts.scheme}://{parts.netloc}"]
            )
            answer = self._session.request(method, url, data=data, verify=verify, timeout=30, allow_redirects=False)
            if answer.is_redirect:
                method, data, url = "GET", None, urljoin(url, answer.headers["Location"])
                answer.close()
                continue
            self.answer, self.form = answer, _Form()
            self.form.feed(answer.text)
            answer.close()
            return
        raise AssertionError("the pages redirect for ever")
