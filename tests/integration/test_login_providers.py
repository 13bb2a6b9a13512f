"""Signing in with an OpenID Connect provider: claims to roles, and what is not believed."""

import importlib.util
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.browser import Browser, address, redeem
from tests.support.management_rig import HandClock, managing
from tests.support.oidc_provider import oidc_provider

pytestmark = pytest.mark.integration


class NowClock(HandClock):
    """The provider signs by the real time, so this one starts there."""

    def now_us(self):
        return int((time.time() + self._passed_s) * 1e6)


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    if importlib.util.find_spec("oidc_provider_mock") is None:
        pytest.skip("oidc-provider-mock is not installed")
    with oidc_provider(tmp_path_factory.mktemp("provider") / "p") as running:
        running.put_user("anna-1", preferred_username="anna", groups=["Guards", "staff"])
        running.put_user("ben-2", preferred_username="ben", groups=["staff"])
        running.put_user("chief-3", email="chief@corp.example", level="9", groups=[])
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with managing(tmp_path_factory.mktemp("data"), NowClock(), token_life_s=86_400) as running:
        yield running


@pytest.fixture(scope="module")
def login(server, provider):
    """The provider as configured: members of `guards` are operators."""
    admin = server.token()
    body = {
        "name": "Corp",
        "authority": provider.authority,
        "clientId": "vedette",
        "clientSecret": "very-secret",
        "caCertificates": provider.ca_pem,
        "allowPrivateAddresses": True,
        "scopes": ["openid", "profile", "email"],
    }
    made = server.rest("POST", "loginProviders", admin, json=body)
    assert made.status_code == 201, made.text
    assert "very-secret" not in made.text
    identifier = made.json()["result"]["id"]
    for name in ("groups", "level"):
        registered = server.rest("POST", f"loginProviders/{identifier}/registeredClaims", admin, json={"name": name})
        assert registered.status_code == 201, registered.text
    for claim, value in (("groups", "guards"), ("level", "9")):
        assert give_claim(server, admin, identifier, claim, value).status_code == 201
    return identifier


def operators(server, admin):
    return next(
        each["id"] for each in server.rest("GET", "roles", admin).json()["array"] if each["name"] == "Operators"
    )


def give_claim(server, admin, provider_id, name, value):
    body = {"claimProvider": provider_id, "claimName": name, "claimValue": value}
    return server.rest("POST", f"roles/{operators(server, admin)}/claims", admin, json=body)


@pytest.fixture
def browser(server, provider):
    trusted = {server.url: str(server.running.ca), provider.authority: str(provider.ca_file)}
    with Browser(trusted, (server.url, provider.authority)) as opened:
        yield opened


def to_provider(browser, server):
    browser.open(address(server))
    link = next(each for each in browser.form.links if "/external/" in each)
    browser.open(server.url + link)


def sign_in(browser, server, subject):
    to_provider(browser, server)
    browser.submit(sub=subject)


def test_providers_are_announced(server, login):
    found = server.send("GET", "/IDP/external-providers").json()
    assert found == [{"LoginProviderId": login, "DisplayName": "Corp"}]


def test_a_claim_gives_a_role(server, login, browser):
    sign_in(browser, server, "anna-1")
    tokens = redeem(server, browser.left_with()["code"])
    assert tokens.status_code == 200
    token = tokens.json()["access_token"]
    assert server.rest("GET", "cameras", token).status_code == 200
    assert server.rest("GET", "basicUsers", token).status_code == 403
    account = server.send("GET", "/api/internal/v1/account", token).json()["data"]
    assert (account["name"], account["roles"]) == ("anna", ["Operators"])
    renewed = server.grant(
        grant_type="refresh_token", refresh_token=tokens.json()["refresh_token"], client_id="VmsClient"
    )
    assert renewed.status_code == 200


def test_a_program_may_choose_the_provider_at_once(server, login, browser):
    browser.open(address(server, acr_values=f"idp:{login}"))
    browser.submit(sub="chief-3")
    assert redeem(server, browser.left_with()["code"]).status_code == 200


def test_who_has_no_role_is_told_and_leaves_nothing(server, login, browser):
    sign_in(browser, server, "ben-2")
    assert "You have no role" in browser.text
    assert browser.left_to == ""


def test_who_declines_comes_back_to_the_page(server, login, browser):
    to_provider(browser, server)
    browser.form.values.clear()
    browser.form.values["action"] = "deny"
    browser.submit()
    assert "did not work" in browser.text
    assert "username" in browser.fields


def test_an_answer_counts_in_the_browser_that_asked_and_once(server, login, provider, browser):
    to_provider(browser, server)
    asked = browser.answer.url
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
    assert query["code_challenge_method"] == "S256"
    assert query["prompt"] == "login"
    assert {"state", "nonce", "code_challenge"} <= set(query)
    callback = f"{server.url}/idp/signin-oidc?code=x"
    with Browser(str(server.running.ca), (server.url,)) as stranger:
        stranger.open(f"{callback}&state={query['state']}")  # without the cookie
        assert stranger.answer.status_code == 400
    browser.open(f"{callback}&state=forged")
    assert browser.answer.status_code == 400
    browser.open(f"{callback}&state={query['state']}")  # a code that the provider does not know
    assert "did not work" in browser.text


def test_a_lost_claim_ends_the_tokens_it_gave(server, login, browser):
    admin = server.token()
    extra = give_claim(server, admin, login, "groups", "STAFF").json()["result"]["id"]
    sign_in(browser, server, "ben-2")
    token = redeem(server, browser.left_with()["code"]).json()["access_token"]
    assert server.rest("GET", "cameras", token).status_code == 200
    assert server.rest("DELETE", f"claims/{extra}", admin).status_code == 200
    assert server.rest("GET", "cameras", token).status_code == 401


def test_a_provider_that_is_switched_off_lets_nobody_in(server, login, browser):
    admin = server.token()
    sign_in(browser, server, "anna-1")
    token = redeem(server, browser.left_with()["code"]).json()["access_token"]
    path = f"loginProviders/{login}"
    try:
        assert server.rest("PATCH", path, admin, json={"enabled": False}).status_code == 200
        assert server.rest("GET", "cameras", token).status_code == 401
        assert server.send("GET", "/idp/external-providers").json() == []
        browser.open(address(server, acr_values=f"idp:{login}"))
        assert "did not work" in browser.text
    finally:
        assert server.rest("PATCH", path, admin, json={"enabled": True}).status_code == 200


def test_private_addresses_other_certificates_and_other_issuers_are_refused(server, login, provider, browser):
    admin = server.token()
    path = f"loginProviders/{login}"
    good = {"allowPrivateAddresses": True, "authority": provider.authority, "caCertificates": provider.ca_pem}
    for changes, words in (
        ({"allowPrivateAddresses": False, "authority": provider.authority + "/"}, "not asked"),
        ({"caCertificates": ""}, "certificate"),
        ({"authority": provider.authority.replace("localhost", "127.0.0.1")}, None),
        ({"authority": "https://localhost:1"}, "localhost"),
    ):
        assert server.rest("PATCH", path, admin, json={**good, **changes}).status_code == 200
        browser.open(address(server, acr_values=f"idp:{login}"))
        if words is not None:
            assert "did not work" in browser.text
            assert words in browser.text
    assert server.rest("PATCH", path, admin, json=good).status_code == 200


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"authority": "http://idp.example"}, "authority"),
        ({"authority": "https://user:pw@idp.example"}, "authority"),
        ({"clientId": ""}, "clientId"),
        ({"scopes": ["profile"]}, "scopes"),
        ({"caCertificates": "x"}, "caCertificates"),
    ],
)
def test_wrong_settings_are_refused_by_property(server, changes, name):
    body = {"name": "X", "authority": "https://idp.example", "clientId": "x", **changes}
    answer = server.rest("POST", "loginProviders", server.token(), json=body)
    assert [row["propertyName"] for row in answer.json()["error"]["details"]] == [name]


def test_a_claim_must_be_registered(server, login):
    admin = server.token()
    assert give_claim(server, admin, login, "unknown", "x").json()["error"]["details"][0]["propertyName"] == "claimName"
    assert give_claim(server, admin, "nobody", "groups", "x").status_code == 400
