"""Signing in, staying signed in, and what each kind of caller may do, against a real server over TLS."""

import pytest

from common.clients.management import ManagementClient
from common.clients.sign_in import AccountLocked, SignInRefused
from common.foundation.errors import NotPermitted, NotSignedIn
from common.net.certificates import create_authority
from common.net.tls import CertificateNotTrusted, fetch_ca
from common.net.tokens import TokenVerifier
from tests.support.management_rig import PASSWORD, HandClock, managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory, database_settings):
    with managing(tmp_path_factory.mktemp("data"), **database_settings) as running:
        running.add_operator()
        yield running


def vms_grant(server, **form):
    return server.grant(client_id="VmsClient", **form)


def test_every_spelling_of_the_token_path_works(server):
    for path in ("/idp/connect/token", "/IDP/connect/token", "/API//IDP/connect/token/", "/api/idp/Connect/Token"):
        form = {"grant_type": "password", "username": "Admin", "password": PASSWORD, "client_id": "VmsClient"}
        answer = server.send("POST", path, data=form)
        assert answer.status_code == 200
        assert '"token_type":"Bearer"' in answer.text
        assert '"expires_in":3600' in answer.text


def test_a_password_that_is_not_url_encoded_is_understood(server):
    body = f"grant_type=password&username=admin&password={PASSWORD}&client_id=GrantValidatorClient"
    assert server.send("POST", "/idp/connect/token", data=body).status_code == 200


def test_wrong_password_and_unknown_user_are_told_alike(server):
    answers = [vms_grant(server, grant_type="password", username=name, password="wrong") for name in ("olga", "nobody")]
    assert {answer.status_code for answer in answers} == {400}
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["error_code"] == "InvalidCredentials"


def test_the_published_keys_verify_a_token_offline(server):
    jwks = server.send("GET", "/idp/.well-known/openid-configuration/jwks").text
    about = server.send("GET", "/IDP/.well-known/openid-configuration").json()
    principal = TokenVerifier(jwks, about["issuer"], now_s=lambda: server.clock.now_us() / 1e6).verify(server.token())
    assert principal.name == "admin"
    assert principal.is_administrator


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "sites"),
        ("GET", "recordingServers"),
        ("GET", "hardware"),
        ("GET", "cameras"),
        ("GET", "microphones"),
        ("GET", "storages"),
        ("GET", "basicUsers"),
        ("GET", "roles"),
        ("GET", "tasks"),
        ("POST", "basicUsers"),
        ("PATCH", "sites/x"),
        ("PUT", "cameras/x"),
        ("DELETE", "hardware/x"),
        ("POST", "recordingServers/x?task=AddHardware"),
        ("POST", "roles/x/users?task=AddRoleMember"),
    ],
)
def test_who_may_do_what(server, method, path):
    assert server.rest(method, path).status_code == 401
    assert "Token validation failed" in server.rest(method, path, "garbage").json()["error"]["details"][0]["errorText"]
    operator = server.rest(method, path, server.token("olga")).status_code
    readable = method == "GET" and path not in ("basicUsers", "roles", "tasks")
    assert operator == (200 if readable else 403)
    administrator = server.rest(method, path, server.token(), json={} if method != "GET" else None).status_code
    assert administrator not in (401, 403, 500)


def test_an_expired_token_says_so(tmp_path):
    clock = HandClock()
    with managing(tmp_path, clock) as server:
        token = server.token()
        assert server.rest("GET", "cameras", token).status_code == 200
        clock.move(3601)
        answer = server.rest("GET", "cameras", token)
        assert answer.status_code == 401
        assert "token is expired" in answer.json()["error"]["details"][0]["errorText"]


def test_too_many_wrong_passwords_lock_for_longer_each_time(tmp_path):
    clock = HandClock()
    with managing(tmp_path, clock, lockout_after=2, lockout_first_s=30) as server:
        for _ in range(2):
            vms_grant(server, grant_type="password", username="admin", password="wrong")
        with ManagementClient(server.url, server.ca_pem) as client:
            with pytest.raises(AccountLocked):
                client.sign_in("admin", PASSWORD)
            clock.move(31)
            with pytest.raises(SignInRefused):
                client.sign_in("admin", "wrong")
            clock.move(31)
            with pytest.raises(AccountLocked):
                client.sign_in("admin", PASSWORD)
            clock.move(31)
            client.sign_in("admin", PASSWORD)


def test_refresh_tokens_rotate_and_a_stolen_one_ends_the_session(server):
    first = vms_grant(server, grant_type="password", username="admin", password=PASSWORD).json()
    second = vms_grant(server, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    lost_answer = vms_grant(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert lost_answer.status_code == 200  # within the grace for an answer that got lost
    server.clock.move(60)
    stolen = vms_grant(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert stolen.status_code == 400
    newest = vms_grant(server, grant_type="refresh_token", refresh_token=lost_answer.json()["refresh_token"])
    assert newest.status_code == 400
    assert server.rest("GET", "cameras", second["access_token"]).status_code == 401


def test_signing_out_ends_the_tokens(server):
    client = server.client()
    token = client.access_token()
    client.sign_out()
    assert server.rest("GET", "cameras", token).status_code == 401
    with pytest.raises(NotSignedIn):
        client.cameras()
    client.close()


def test_the_client_renews_its_token_before_it_ends(server):
    monotonic = HandClock()
    with ManagementClient(server.url, server.ca_pem, monotonic_s=monotonic.monotonic_s) as client:
        client.sign_in("admin", PASSWORD)
        before = client.access_token()
        assert client.access_token() == before
        monotonic.move(3500)
        assert client.access_token() != before
        assert client.cameras() == ()


def test_a_client_that_slept_past_its_tokens_life_goes_on(server):
    with ManagementClient(server.url, server.ca_pem, monotonic_s=HandClock().monotonic_s) as client:
        client.sign_in("admin", PASSWORD)
        before = client.access_token()
        server.clock.move(3601)  # the client's own clock stands still in its sleep
        assert server.rest("GET", "cameras", before).status_code == 401
        assert client.cameras() == ()
        assert client.access_token() != before
        assert client.user_id()
        client.rest("POST", "/userDefinedEvents", {"name": "once"})
        server.send("POST", "/idp/connect/revocation", data={"token": client.access_token()})
        with pytest.raises(NotSignedIn):
            client.cameras()
        with pytest.raises(NotSignedIn, match="no session"):
            client.access_token()


def test_first_start_needs_the_printed_code_and_works_once(tmp_path):
    with managing(tmp_path, password=None) as server:
        assert server.running.first_start
        with ManagementClient(server.url, server.ca_pem) as client:
            with pytest.raises(NotPermitted):
                client.set_up("AAAA-AAAA-AAAA-AAAA", "anna", PASSWORD)
            client.set_up(server.running.setup_code, "anna", PASSWORD)
            client.sign_in("anna", PASSWORD)
            assert client.recording_servers() == ()
            with pytest.raises(NotPermitted):
                client.set_up(server.running.setup_code, "eve", PASSWORD)


def test_trust_on_first_use_and_a_wrong_authority(server):
    port = int(server.url.rpartition(":")[2])
    offer = fetch_ca("127.0.0.1", port)
    assert offer.pem == server.ca_pem
    stranger = create_authority("stranger").certificate_pem.decode()
    with ManagementClient(server.url, stranger) as client, pytest.raises(CertificateNotTrusted):
        client.sign_in("admin", PASSWORD)


def test_the_last_administrator_cannot_be_removed(server):
    token = server.token()
    admin = next(u for u in server.rest("GET", "basicUsers", token).json()["array"] if u["name"] == "admin")
    assert server.rest("DELETE", f"basicUsers/{admin['id']}", token).status_code == 400
    locked = server.rest("PATCH", f"basicUsers/{admin['id']}", token, json={"status": "LockedOutByAdmin"})
    assert locked.status_code == 400
    assert server.rest("GET", "sites", token).status_code == 200


def test_a_changed_password_signs_out_everywhere(server):
    user_id = server.add_operator("otto")
    old = server.token("otto")
    task = server.rest(
        "POST", f"basicUsers/{user_id}?task=ChangePasswordBasicUser", server.token(), json={"password": "another one 7"}
    )
    assert task.status_code == 200
    assert server.rest("GET", "cameras", old).status_code == 401
    assert server.rest("GET", "cameras", server.token("otto", "another one 7")).status_code == 200
