"""The sign-in page and the authorization code grant with PKCE, against a real server over TLS."""

import secrets

import jwt
import pytest

from common.net.tokens import TokenVerifier
from tests.support.browser import BACK, Browser, address, redeem
from tests.support.management_rig import PASSWORD, managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with managing(tmp_path_factory.mktemp("data"), redirect_uris=["https://portal.example/back?x=1"]) as running:
        running.add_operator()
        yield running


@pytest.fixture
def browser(server):
    with Browser(str(server.running.ca), (server.url,)) as opened:
        yield opened


def signed_in(browser, server, **changes):
    browser.open(address(server, **changes))
    browser.submit(username="olga", password=PASSWORD)
    return browser.left_with()


def test_a_person_signs_in_and_the_program_gets_tokens(server, browser):
    back = signed_in(browser, server)
    assert browser.left_to.startswith(BACK)
    assert (back["state"], back["iss"]) == (
        "a b&c",
        server.send("GET", "/idp/.well-known/openid-configuration").json()["issuer"],
    )
    answer = redeem(server, back["code"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert server.rest("GET", "cameras", tokens["access_token"]).status_code == 200
    assert tokens["refresh_token"]
    jwks = server.send("GET", "/idp/.well-known/openid-configuration/jwks").text
    verifier = TokenVerifier(jwks, back["iss"], now_s=lambda: server.clock.now_us() / 1e6)
    assert verifier.verify(tokens["access_token"]).name == "olga"
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["nonce"], claims["name"]) == ("VmsClient", "n-1", "olga")


def test_a_code_counts_once_and_a_second_use_ends_the_session(server, browser):
    code = signed_in(browser, server)["code"]
    tokens = redeem(server, code).json()
    assert redeem(server, code).status_code == 400
    assert server.rest("GET", "cameras", tokens["access_token"]).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": secrets.token_urlsafe(48)},
        {"code_verifier": ""},
        {"redirect_uri": BACK + "x"},
        {"client_id": "GrantValidatorClient"},
    ],
)
def test_a_code_is_worth_nothing_to_somebody_else(server, browser, changes):
    code = signed_in(browser, server)["code"]
    assert redeem(server, code, **changes).json()["error"] == "invalid_grant"


def test_a_code_runs_out(server, browser):
    code = signed_in(browser, server)["code"]
    server.clock.move(61)
    assert redeem(server, code).status_code == 400


def test_a_wrong_password_is_said_on_the_page_and_the_name_stays(server, browser):
    browser.open(address(server))
    browser.submit(username="olga", password="wrong")
    assert "User name or password is wrong." in browser.text
    assert browser.form.values["username"] == "olga"
    assert browser.form.values["password"] == ""
    browser.submit(password=PASSWORD)
    assert "code" in browser.left_with()


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "stranger"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1.evil.example/"},
        {"redirect_uri": "http://127.0.0.1:1@evil.example/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "https://portal.example/back"},
    ],
)
def test_nobody_is_led_to_an_address_that_is_not_allowed(server, browser, changes):
    browser.open(address(server, **changes))
    assert browser.answer.status_code == 400
    assert browser.left_to == ""
    assert browser.fields == set()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_wrong_request_is_told_to_its_program(server, browser, changes, error):
    browser.open(address(server, **changes))
    assert browser.left_with()["error"] == error
    assert browser.left_with()["state"] == "a b&c"


def test_a_listed_address_may_have_a_query(server, browser):
    back = signed_in(browser, server, redirect_uri="https://portal.example/back?x=1")
    assert back["x"] == "1"
    assert back["code"]


def test_a_form_from_elsewhere_is_not_taken(server, browser):
    """Whoever makes a browser send a form has no cookie of ours: nobody is signed in as the attacker."""
    browser.open(address(server))
    token = browser.form.values["form_token"]
    with Browser(str(server.running.ca), (server.url,)) as other:
        other.open(address(server))
        other.form.values["form_token"] = token
        other.submit(username="olga", password=PASSWORD)
        assert other.left_to == ""
        assert "Please sign in again" in other.text


def test_the_page_loads_nothing_from_elsewhere_and_says_what_its_fields_are(server, browser):
    browser.open(address(server, state='"><script>alert(1)</script>'))
    html, headers = browser.answer.text, browser.answer.headers
    assert "<script" not in html
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:51234" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert 'autocomplete="username"' in html
    assert 'autocomplete="current-password"' in html
    assert '<label for="username">' in html
    cookie = headers["Set-Cookie"]
    assert all(part in cookie for part in ("__Host-", "HttpOnly", "Secure", "SameSite=lax", "Path=/"))


def test_discovery_names_all_endpoints_compactly(server):
    answer = server.send("GET", "/api/IDP/.well-known/openid-configuration")
    about = answer.json()
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"):
        assert about[name]
    assert '"server_version":"2' in answer.text
    assert server.send("GET", about["external_providers_uri"].removeprefix(server.url)).json() == []


def test_every_answer_carries_security_headers(server):
    for path in ("/api/.well-known/uris", "/nowhere", "/api/rest/v1/cameras", "/idp/connect/authorize"):
        headers = server.send("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_huge_sign_in_is_cut_off(server):
    answer = server.send("POST", "/idp/connect/token", data="grant_type=password&username=" + "x" * 100_000)
    assert answer.status_code == 413
