"""Signing in with accounts of a real OpenLDAP and a real Active Directory domain controller."""

import importlib.util
import os
import subprocess
import sys
import time

import pytest

from common.net.certificates import create_authority
from tests.support.directory_servers import PASSWORD as DIRECTORY_PASSWORD
from tests.support.directory_servers import (
    samba_missing,
    samba_server,
    set_in_samba,
    slapd_missing,
    slapd_server,
)
from tests.support.management_rig import HandClock, managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def samba(tmp_path_factory):
    if samba_missing():
        pytest.skip(samba_missing())
    with samba_server(tmp_path_factory.mktemp("samba") / "d") as running:
        yield running


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    if slapd_missing():
        pytest.skip(slapd_missing())
    with slapd_server(tmp_path_factory.mktemp("slapd") / "d") as running:
        yield running


@pytest.fixture(scope="module", params=["slapd", "samba"])
def directory(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    settings = {"lockout_after": 100, "address_lockout_after": 1000}
    with managing(tmp_path_factory.mktemp("site"), HandClock(), token_life_s=86_400, **settings) as running:
        yield running


@pytest.fixture
def server(site):
    """The one site, without directories and with plain roles again afterwards."""
    yield site
    for each in site.rest("GET", "directories?disabled", admin(site)).json()["array"]:
        assert site.rest("DELETE", f"directories/{each['id']}", admin(site)).status_code == 200
    plain = {"secondFactorRequired": False}
    assert site.rest("PATCH", f"roles/{operators(site)['id']}", admin(site), json=plain).status_code == 200


_TOKENS = {}


def admin(server):
    """An administrator's token: one a server, since each costs a password's hash."""
    if server.url not in _TOKENS:
        _TOKENS[server.url] = server.token()
    return _TOKENS[server.url]


def add_directory(server, directory, **changes):
    body = {**directory.item, "servers": [directory.ldaps], **changes}
    return server.rest("POST", "directories", admin(server), json=body)


def added(server, directory, **changes):
    answer = add_directory(server, directory, **changes)
    assert answer.status_code == 201, answer.text
    return answer.json()["result"]["id"]


def operators(server):
    return next(
        each for each in server.rest("GET", "roles", admin(server)).json()["array"] if each["name"] == "Operators"
    )


def give_role(server, member, role_id=""):
    path = f"roles/{role_id or operators(server)['id']}/users?task=AddRoleMember"
    answer = server.rest("POST", path, admin(server), json={"sid": member})
    assert answer.status_code == 200, answer.text


def sign_in(server, name, password=DIRECTORY_PASSWORD, **more):
    return server.grant(grant_type="password", username=name, password=password, client_id="VmsClient", **more)


def domain(directory):
    return directory.item["domain"]


def wait_for(condition):
    give_up_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.05)


@pytest.mark.parametrize("tls", ["ldaps", "ldap"])
def test_users_and_members_of_nested_groups_get_their_role(server, directory, tls):
    added(server, directory, servers=[getattr(directory, tls)])
    give_role(server, f"{domain(directory)}\\operators")
    for name in (
        f"{domain(directory)}\\bob",
        f"{domain(directory).lower()}\\ALICE",
        f"dave@{directory.item['dnsDomains'][0]}",
    ):
        answer = sign_in(server, name)
        assert answer.status_code == 200, (name, answer.text)
        assert server.rest("GET", "cameras", answer.json()["access_token"]).status_code == 200
        assert server.rest("GET", "basicUsers", answer.json()["access_token"]).status_code == 403
    refused = sign_in(server, f"{domain(directory)}\\carol")
    assert refused.json()["error_code"] == "NotAuthorized"
    give_role(server, f"{domain(directory)}\\carol")
    assert sign_in(server, f"{domain(directory)}\\carol").status_code == 200


def test_members_are_found_listed_and_removed(server, directory):
    identifier = added(server, directory)
    task = f"directories/{identifier}?task=FindDirectoryMembers"
    found = server.rest("POST", task, admin(server), json={"text": "oper"}).json()["result"]["members"]
    assert [(each["accountName"], each["identityType"]) for each in found] == [("operators", "WindowsGroup")]
    give_role(server, found[0]["sid"])
    role_id = operators(server)["id"]
    listed = server.rest("GET", f"roles/{role_id}/users", admin(server)).json()["array"]
    assert [(each["displayName"], each["domain"]) for each in listed] == [
        (f"{domain(directory)}\\operators", domain(directory))
    ]
    token = sign_in(server, f"{domain(directory)}\\bob").json()["access_token"]
    remove = f"roles/{role_id}/users?task=RemoveRoleMember"
    assert server.rest("POST", remove, admin(server), json={"itemSelection": listed[0]["sid"]}).status_code == 200
    assert server.rest("GET", "cameras", token).status_code == 401
    assert server.rest("GET", f"roles/{role_id}/users", admin(server)).json()["array"] == []
    for nobody in ("S-1-5-21-1-2-3-4", f"{domain(directory)}\\nobody", "11111111-1111-1111-1111-111111111111"):
        path = f"roles/{role_id}/users?task=AddRoleMember"
        assert server.rest("POST", path, admin(server), json={"sid": nobody}).status_code == 400


def test_no_name_is_taken_for_a_filter(server, directory):
    added(server, directory)
    give_role(server, f"{domain(directory)}\\operators")
    for name in ("*", "bob*", "bob)(objectClass=*", "bob)(|(uid=*", "b\\6fb", "bob\x00", "(bob)", "nobody", "", " "):
        for typed in (f"{domain(directory)}\\{name}", f"{name}@{directory.item['dnsDomains'][0]}"):
            answer = sign_in(server, typed)
            assert (answer.status_code, answer.json()["error_code"]) == (400, "InvalidCredentials"), typed


def test_an_empty_password_is_no_sign_in(server, directory):
    """RFC 4513, 5.1.2: many servers answer such a bind with success."""
    added(server, directory)
    give_role(server, f"{domain(directory)}\\operators")
    assert sign_in(server, f"{domain(directory)}\\bob", "").json()["error_code"] == "InvalidCredentials"


def test_a_refusal_costs_the_directory_the_same_for_everybody(server, directory, monkeypatch):
    from server.management.identity.ldap_connection import LdapServers

    added(server, directory)
    give_role(server, f"{domain(directory)}\\operators")
    binds = []
    real = LdapServers.bind
    monkeypatch.setattr(LdapServers, "bind", lambda self, dn, password: binds.append(dn) or real(self, dn, password))
    for name in ("bob", "carol", "nobody"):
        binds.clear()
        assert sign_in(server, f"{domain(directory)}\\{name}", "wrong").json()["error_code"] == "InvalidCredentials"
        assert len(binds) == 1


def test_the_same_user_is_locked_by_any_form_of_its_name(tmp_path, directory):
    with managing(tmp_path, lockout_after=2) as server:
        added(server, directory)
        sign_in(server, f"{domain(directory)}\\bob", "wrong")
        sign_in(server, f"BOB@{directory.item['dnsDomains'][0]}", "wrong")
        assert sign_in(server, f"{domain(directory)}\\bob").json()["error_code"] == "LockedOut"


def test_a_server_with_another_certificate_gets_no_password(server, directory):
    stranger = create_authority("stranger").certificate_pem.decode()
    for changes in ({"caCertificates": stranger}, {"serverName": "other.example"}):
        for url in (directory.ldaps, directory.ldap):
            identifier = added(server, directory, servers=[url], **changes)
            answer = sign_in(server, f"{domain(directory)}\\bob")
            assert (answer.status_code, answer.json()["error_code"]) == (503, "DirectoryUnavailable")
            tested = server.rest("POST", f"directories/{identifier}?task=TestDirectory", admin(server), json={})
            assert "certificate" in tested.json()["error"]["details"][0]["errorText"].lower()
            assert server.rest("DELETE", f"directories/{identifier}", admin(server)).status_code == 200


def test_what_is_wrong_with_a_directory_is_said(server, directory):
    identifier = added(server, directory, servers=["ldaps://127.0.0.1:1", directory.ldaps])
    path = f"directories/{identifier}"
    assert (
        server.rest("POST", f"{path}?task=TestDirectory", admin(server), json={}).status_code == 200
    )  # the second answers
    for changes, words in (
        ({"bindPassword": "wrong"}, "refused"),
        ({"baseDn": "DC=nowhere,DC=test"}, "cannot be searched"),
        ({"servers": ["ldaps://127.0.0.1:1"]}, "127.0.0.1:1"),
    ):
        assert server.rest("PATCH", path, admin(server), json=changes).status_code == 200
        answer = server.rest("POST", f"{path}?task=TestDirectory", admin(server), json={})
        assert words in answer.json()["error"]["details"][0]["errorText"]
        back = {name: directory.item.get(name) for name in changes} | {"servers": [directory.ldaps]}
        assert server.rest("PATCH", path, admin(server), json=back).status_code == 200
    shown = server.rest("GET", path, admin(server)).json()["data"]
    assert "bindPassword" not in shown


def test_wrong_settings_are_refused_by_property(server, directory):
    answer = add_directory(
        server, directory, servers=["http://x", "ldap://a:b"], caCertificates="no", baseDn="", domain=""
    )
    named = {row["propertyName"] for row in answer.json()["error"]["details"]}
    assert named == {"servers", "caCertificates", "baseDn", "domain"}
    added(server, directory)
    assert "domain already" in add_directory(server, directory).text


def test_switching_a_directory_off_or_removing_it_ends_its_users_tokens(server, directory):
    identifier = added(server, directory)
    give_role(server, f"{domain(directory)}\\operators")
    held = sign_in(server, f"{domain(directory)}\\bob").json()
    assert server.rest("PATCH", f"directories/{identifier}", admin(server), json={"enabled": False}).status_code == 200
    assert server.rest("GET", "cameras", held["access_token"]).status_code == 401
    assert sign_in(server, f"{domain(directory)}\\bob").json()["error_code"] == "InvalidCredentials"
    assert server.rest("PATCH", f"directories/{identifier}", admin(server), json={"enabled": True}).status_code == 200
    held = sign_in(server, f"{domain(directory)}\\bob").json()
    assert server.rest("DELETE", f"directories/{identifier}", admin(server)).status_code == 200
    assert server.rest("GET", "cameras", held["access_token"]).status_code == 401
    renewed = server.grant(grant_type="refresh_token", refresh_token=held["refresh_token"], client_id="VmsClient")
    assert renewed.status_code == 400
    assert server.rest("GET", f"roles/{operators(server)['id']}/users", admin(server)).json()["array"] == []


def test_a_second_factor_works_for_users_of_a_directory(server, directory):
    added(server, directory)
    give_role(server, f"{domain(directory)}\\operators")
    role = server.rest("PATCH", f"roles/{operators(server)['id']}", admin(server), json={"secondFactorRequired": True})
    assert role.status_code == 200
    asked = sign_in(server, f"{domain(directory)}\\bob").json()
    assert asked["error_code"] == "SecondFactorSetup"
    assert f"{domain(directory)}%5Cbob" in asked["otpauth_uri"]


def test_nobody_gets_in_while_the_directory_is_away_unless_that_is_allowed(tmp_path):
    if slapd_missing():
        pytest.skip(slapd_missing())
    clock = HandClock()
    # The administrator stays signed in for longer than directories are away; what counts is that of the users.
    with managing(tmp_path / "m", clock, lockout_after=100, token_life_s=86_400) as server:
        with slapd_server(tmp_path / "d") as directory:
            identifier = added(server, directory, timeoutSeconds=1)
            give_role(server, "OPEN\\operators")
            held = sign_in(server, "OPEN\\bob").json()
            directory.stop()
            assert sign_in(server, "OPEN\\bob").json()["error_code"] == "DirectoryUnavailable"
            assert server.rest("GET", "cameras", held["access_token"]).status_code == 200
            clock.move(1800)
            form = {"grant_type": "refresh_token", "client_id": "VmsClient"}
            held = server.grant(**form, refresh_token=held["refresh_token"]).json()
            clock.move(2000)
            late = server.grant(**form, refresh_token=held["refresh_token"])
            assert late.json()["error_code"] == "DirectoryUnavailable"
        with slapd_server(tmp_path / "again") as directory:
            changes = {"allowCachedSignIn": True, "servers": [directory.ldaps], "cachedSignInHours": 2}
            changes["caCertificates"] = directory.item["caCertificates"]
            assert server.rest("PATCH", f"directories/{identifier}", admin(server), json=changes).status_code == 200
            give_role(server, "OPEN\\operators")
            assert sign_in(server, "OPEN\\alice").status_code == 200
            directory.stop()
            assert sign_in(server, "open\\alice").status_code == 200
            assert sign_in(server, "OPEN\\alice", "wrong").json()["error_code"] == "InvalidCredentials"
            assert sign_in(server, "OPEN\\bob").json()["error_code"] == "DirectoryUnavailable"
            clock.move(2 * 3600 + 1)
            assert sign_in(server, "OPEN\\alice").json()["error_code"] == "DirectoryUnavailable"


@pytest.mark.parametrize(
    ("name", "code", "description"),
    [
        ("eve", "LockedOut", "account_is_disabled"),
        ("frank", "LockedOut", "account_is_expired"),
        ("gina", "ChangePassword", "user_must_change_password"),
    ],
)
def test_accounts_that_may_not_sign_in_are_refused_with_the_reason(server, samba, name, code, description):
    added(server, samba)
    give_role(server, f"LAB\\{name}")
    answer = sign_in(server, f"LAB\\{name}").json()
    assert (answer["error_code"], answer["error_description"]) == (code, description)
    assert sign_in(server, f"LAB\\{name}", "wrong").json()["error_code"] == "InvalidCredentials"


def test_who_is_disabled_or_loses_a_group_in_the_directory_is_signed_out(server, samba):
    added(server, samba, checkEverySeconds=10)
    give_role(server, "LAB\\operators")
    tokens = {name: sign_in(server, f"LAB\\{name}").json()["access_token"] for name in ("alice", "bob", "dave")}
    set_in_samba(samba, 'sam.disable_account("(sAMAccountName=bob)")')
    set_in_samba(samba, 'sam.add_remove_group_members("managers", ["dave"], add_members_operation=False)')
    try:
        server.clock.move(10)
        wait_for(lambda: server.rest("GET", "cameras", tokens["bob"]).status_code == 401)
        wait_for(lambda: server.rest("GET", "cameras", tokens["dave"]).status_code == 401)
        assert server.rest("GET", "cameras", tokens["alice"]).status_code == 200
        assert sign_in(server, "LAB\\bob").json()["error_code"] == "LockedOut"
        assert sign_in(server, "LAB\\dave").json()["error_code"] == "NotAuthorized"
    finally:
        set_in_samba(samba, 'sam.enable_account("(sAMAccountName=bob)")')
        set_in_samba(samba, 'sam.add_remove_group_members("managers", ["dave"])')
    assert sign_in(server, "LAB\\bob").status_code == 200


def ticket_of(samba, user):
    """Return what a client on the domain's computer sends: SPNEGO, made in a process with that domain's settings."""
    script = (
        "import base64, gssapi, sys\n"
        "name = gssapi.Name(sys.argv[1], gssapi.NameType.user)\n"
        "server = gssapi.Name('HTTP@vms.lab.test', gssapi.NameType.hostbased_service)\n"
        "spnego = gssapi.OID.from_int_seq('1.3.6.1.5.5.2')\n"
        "mechs = [gssapi.MechType.kerberos, spnego]\n"
        "password = sys.argv[2].encode()\n"
        "held = gssapi.raw.acquire_cred_with_password(name, password, usage='initiate', mechs=mechs).creds\n"
        "context = gssapi.SecurityContext(name=server, creds=gssapi.Credentials(held), mech=spnego, usage='initiate')\n"
        "print(base64.b64encode(context.step()).decode())\n"
    )
    environment = {**os.environ, "KRB5_CONFIG": str(samba.krb5_conf), "KRB5CCNAME": f"MEMORY:{user}"}
    command = [sys.executable, "-c", script, f"{user}@LAB.TEST", DIRECTORY_PASSWORD]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_a_kerberos_ticket_signs_in(tmp_path, samba):
    if importlib.util.find_spec("gssapi") is None:
        pytest.skip("gssapi is not installed")
    form = {"grant_type": "windows_credentials", "client_id": "VmsClient"}
    with managing(tmp_path, kerberos_keytab=str(samba.keytab)) as server:
        added(server, samba)
        give_role(server, "LAB\\operators")

        def with_ticket(ticket, path="/IDP/connect/token", **more):
            return server.send("POST", path, data={**form, **more}, headers={"Authorization": f"Negotiate {ticket}"})

        asked = server.grant(**form)
        assert (asked.status_code, asked.headers["WWW-Authenticate"]) == (401, "Negotiate")
        answer = with_ticket(ticket_of(samba, "bob"))
        assert answer.status_code == 200, answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Negotiate ")
        token = answer.json()["access_token"]
        assert server.send("GET", "/api/internal/v1/account", token).json()["data"]["name"] == "LAB\\bob"
        used = ticket_of(samba, "alice")
        assert with_ticket(used).status_code == 200
        assert with_ticket(used).json()["error_code"] == "InvalidCredentials"  # a ticket counts once
        assert with_ticket(ticket_of(samba, "carol")).json()["error_code"] == "NotAuthorized"
        for garbage in ("AAAA", "!!", "YII" + "A" * 400):
            assert with_ticket(garbage).json()["error_code"] == "InvalidCredentials"
        through_gateway = with_ticket(ticket_of(samba, "bob"), "/API/IDP/connect/token")
        assert through_gateway.json()["error"] == "unsupported_grant_type"
        role = server.rest(
            "PATCH", f"roles/{operators(server)['id']}", admin(server), json={"secondFactorRequired": True}
        )
        assert role.status_code == 200
        assert with_ticket(ticket_of(samba, "bob")).json()["error_code"] == "SecondFactorSetup"
