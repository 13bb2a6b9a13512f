"""What an account asks for beside the password: a new one, a code, a second person; against a real server over TLS."""

import base64
import sqlite3

import pytest

from server.management.identity.totp import STEP_S, code_at
from tests.support.browser import Browser, address, redeem
from tests.support.management_rig import HandClock, managing

pytestmark = pytest.mark.integration

NEW = "Quite-Another-77"


PASSWORD3 = "Correct horse 9"


def sign_in(server, name="olga", password=PASSWORD3, **more):
    form = {"grant_type": "password", "username": name, "password": password, "client_id": "VmsClient", **more}
    return server.grant(**form)


def role(server, name="Operators"):
    admin = server.token("admin", PASSWORD3)
    return next(each for each in server.rest("GET", "roles", admin).json()["array"] if each["name"] == name)


def set_role(server, **flags):
    answer = server.rest("PATCH", f"roles/{role(server)['id']}", server.token("admin", PASSWORD3), json=flags)
    assert answer.status_code == 200, answer.text


def add(server, name, **more):
    admin = server.token("admin", PASSWORD3)
    made = server.rest("POST", "basicUsers", admin, json={"name": name, "password": PASSWORD3, **more})
    assert made.status_code == 201, made.text
    user_id = made.json()["result"]["id"]
    task = f"roles/{role(server)['id']}/users?task=AddRoleMember"
    assert server.rest("POST", task, admin, json={"sid": user_id}).status_code == 200
    return user_id


def code_for(server, secret, steps=0):
    return code_at(base64.b32decode(secret), int(server.clock.now_us() / 1e6) // STEP_S + steps)


def test_a_policy_is_enforced_wherever_a_password_is_set(tmp_path):
    with managing(
        tmp_path, password=PASSWORD3, password_history=3, password_classes=3, password_min_chars=10
    ) as server:
        user_id = add(server, "olga")
        admin = server.token("admin", PASSWORD3)
        for bad, words in (
            ("Aa1", "at least 10"),
            ("alllowercase", "at least 3 of these"),
            ("X9-Olga-2026-x", "user name"),
            (PASSWORD3, "used before"),
        ):
            answer = server.rest(
                "POST", f"basicUsers/{user_id}?task=ChangePasswordBasicUser", admin, json={"password": bad}
            )
            assert answer.status_code == 400
            assert words in answer.json()["error"]["details"][0]["errorText"]
        for fresh in ("First-New-1", "Second-New-2"):
            server.clock.move(1)
            body = {"password": fresh}
            answer = server.rest("POST", f"basicUsers/{user_id}?task=ChangePasswordBasicUser", admin, json=body)
            assert answer.status_code == 200
        body = {"password": PASSWORD3}
        path = f"basicUsers/{user_id}?task=ChangePasswordBasicUser"
        assert server.rest("POST", path, admin, json=body).status_code == 400  # one of the last three
        assert server.rest("POST", path, admin, json={"password": "Third-New-33"}).status_code == 200
        assert server.rest("POST", path, admin, json=body).status_code == 200  # the fourth is forgotten


def test_a_password_that_must_change_is_changed_at_sign_in(tmp_path):
    with managing(tmp_path, password=PASSWORD3, password_history=2) as server:
        add(server, "olga", forcePasswordChange=True)
        refused = sign_in(server)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "ChangePassword")
        assert sign_in(server, password="wrong").json()["error_code"] == "InvalidCredentials"
        same = sign_in(server, new_password=PASSWORD3)
        assert "used before" in same.json()["error"]["details"][0]["errorText"]
        assert same.json()["error"]["details"][0]["propertyName"] == "new_password"
        changed = sign_in(server, new_password=NEW)
        assert changed.status_code == 200
        assert server.rest("GET", "cameras", changed.json()["access_token"]).status_code == 200
        assert sign_in(server).json()["error_code"] == "InvalidCredentials"
        assert sign_in(server, password=NEW).status_code == 200


def test_the_change_password_endpoint(tmp_path):
    with managing(tmp_path, password=PASSWORD3) as server:
        add(server, "olga")
        held = sign_in(server).json()["access_token"]
        form = {"username": "olga", "password": PASSWORD3, "new_password": NEW}
        assert server.send("POST", "/IDP/connect/change-password", data={**form, "password": "x"}).status_code == 400
        assert server.send("POST", "/IDP/connect/change-password", data=form).status_code == 200
        assert server.rest("GET", "cameras", held).status_code == 401
        assert sign_in(server, password=NEW).status_code == 200


def test_who_may_not_change_its_password_is_told(tmp_path):
    with managing(tmp_path, password=PASSWORD3) as server:
        add(server, "olga", canChangePassword=False)
        answer = sign_in(server, new_password=NEW)
        assert "only be changed by an administrator" in answer.text
        assert sign_in(server).status_code == 200


def test_passwords_grow_old(tmp_path):
    clock = HandClock()
    with managing(tmp_path, clock, password=PASSWORD3, password_max_age_days=30) as server:
        add(server, "olga")
        assert sign_in(server).status_code == 200
        clock.move(31 * 86_400)
        assert sign_in(server).json()["error_code"] == "ChangePassword"
        assert sign_in(server, new_password=NEW).status_code == 200
        clock.move(29 * 86_400)
        assert sign_in(server, password=NEW).status_code == 200


def test_a_hash_is_renewed_when_its_parameters_change(tmp_path):
    with managing(tmp_path, password=PASSWORD3, password_hash_memory_kib=19_456, password_hash_passes=1) as before:
        add(before, "olga")

    def stored():
        with sqlite3.connect(tmp_path / "management" / "configuration.sqlite3") as database:
            found = database.execute("SELECT password_hash FROM accounts WHERE name_key = 'olga'").fetchone()[0]
        database.close()
        return found

    assert stored().startswith("$argon2id$v=19$m=19456,t=1,")
    with managing(tmp_path, password=None, password_hash_memory_kib=20_480, password_hash_passes=2) as after:
        assert sign_in(after, password="wrong").status_code == 400
        assert stored().startswith("$argon2id$v=19$m=19456,t=1,")
        assert sign_in(after).status_code == 200
        assert stored().startswith("$argon2id$v=19$m=20480,t=2,")
        assert sign_in(after).status_code == 200


def test_a_locked_account_is_shown_and_can_be_unlocked(tmp_path):
    with managing(tmp_path, password=PASSWORD3, lockout_after=2, lockout_first_s=600) as server:
        user_id = add(server, "olga")
        admin = server.token("admin", PASSWORD3)
        for _ in range(2):
            sign_in(server, password="wrong")
        assert sign_in(server).json()["error_code"] == "LockedOut"
        shown = server.rest("GET", f"basicUsers/{user_id}", admin).json()["data"]
        assert shown["status"] == "LockedOutBySystem"
        assert shown["lockoutEnd"].startswith("2026-")
        sent_back = server.rest("PUT", f"basicUsers/{user_id}", admin, json={**shown, "description": "x"})
        assert sent_back.status_code == 200
        freed = server.rest("PATCH", f"basicUsers/{user_id}", admin, json={"status": "Enabled"}).json()["data"]
        assert (freed["status"], freed["lockoutEnd"]) == ("Enabled", "0001-01-01T00:00:00.0000000")
        assert sign_in(server).status_code == 200


def test_one_address_that_tries_many_names_is_slowed_down(tmp_path):
    clock = HandClock()
    with managing(tmp_path, clock, password=PASSWORD3, address_lockout_after=4, lockout_first_s=30) as server:
        for number in range(4):
            assert sign_in(server, f"guess{number}", "x").json()["error_code"] == "InvalidCredentials"
        assert sign_in(server, "admin").json()["error_code"] == "LockedOut"
        clock.move(31)
        assert sign_in(server, "admin").status_code == 200
        sign_in(server, "guess", "x")
        assert sign_in(server, "admin").json()["error_code"] == "LockedOut"  # longer this time
        clock.move(40)
        assert sign_in(server, "admin").json()["error_code"] == "LockedOut"
        clock.move(3600)
        sign_in(server, "guess", "x")
        assert sign_in(server, "admin").status_code == 200  # failures fade


def test_a_second_factor_is_set_up_at_sign_in_when_a_role_asks_for_it(tmp_path):
    with managing(tmp_path, password=PASSWORD3) as server:
        user_id = add(server, "olga")
        set_role(server, secondFactorRequired=True)
        assert "secret" not in sign_in(server, password="wrong").json()
        asked = sign_in(server).json()
        assert asked["error_code"] == "SecondFactorSetup"
        assert asked["otpauth_uri"].startswith("otpauth://totp/")
        assert sign_in(server).json()["secret"] == asked["secret"]
        wrong = sign_in(server, otp="000000").json()
        assert (wrong["error_code"], wrong["error_description"]) == ("SecondFactorSetup", "invalid_second_factor")
        done = sign_in(server, otp=code_for(server, asked["secret"]))
        assert done.status_code == 200
        codes = done.json()["recovery_codes"]
        assert len(set(codes)) == 10

        assert sign_in(server).json()["error_code"] == "SecondFactorRequired"
        replayed = sign_in(server, otp=code_for(server, asked["secret"]))
        assert replayed.json()["error_code"] == "SecondFactorInvalid"
        assert sign_in(server, otp=code_for(server, asked["secret"], 1)).status_code == 200
        assert sign_in(server, otp=codes[0].upper().replace("-", " ")).status_code == 200
        assert sign_in(server, otp=codes[0]).json()["error_code"] == "SecondFactorInvalid"

        lost = server.rest(
            "POST", f"basicUsers/{user_id}?task=ResetSecondFactor", server.token("admin", PASSWORD3), json={}
        )
        assert lost.status_code == 200
        fresh = sign_in(server).json()
        assert fresh["error_code"] == "SecondFactorSetup"
        assert fresh["secret"] != asked["secret"]


def test_wrong_codes_lock_the_account(tmp_path):
    with managing(tmp_path, password=PASSWORD3, lockout_after=3) as server:
        add(server, "olga")
        set_role(server, secondFactorRequired=True)
        secret = sign_in(server).json()["secret"]
        assert sign_in(server, otp=code_for(server, secret)).status_code == 200
        for _ in range(3):
            assert sign_in(server, otp="123456").status_code == 400
        assert sign_in(server, otp=code_for(server, secret, 1)).json()["error_code"] == "LockedOut"


def test_a_user_sets_a_second_factor_up_and_removes_it(tmp_path):
    with managing(tmp_path, password=PASSWORD3) as server:
        add(server, "olga")
        token = sign_in(server).json()["access_token"]
        root = "/api/internal/v1/account"
        assert server.send("POST", f"{root}/second-factor", token, json={"password": "wrong"}).status_code == 400
        begun = server.send("POST", f"{root}/second-factor", token, json={"password": PASSWORD3}).json()["data"]
        assert sign_in(server).status_code == 200  # not before it is confirmed
        code = {"otp": code_for(server, begun["secret"])}
        assert server.send("POST", f"{root}/second-factor/confirm", token, json={"otp": "1"}).status_code == 400
        confirmed = server.send("POST", f"{root}/second-factor/confirm", token, json=code)
        assert len(confirmed.json()["data"]["recoveryCodes"]) == 10
        assert sign_in(server).json()["error_code"] == "SecondFactorRequired"
        shown = server.send("GET", root, token).json()["data"]
        assert (shown["secondFactor"], shown["recoveryCodesLeft"], shown["roles"]) == (True, 10, ["Operators"])
        server.clock.move(60)
        code = {"otp": code_for(server, begun["secret"])}
        assert server.send("POST", f"{root}/second-factor/remove", token, json=code).status_code == 200
        assert sign_in(server).status_code == 200


def test_a_second_person_authorises(tmp_path):
    with managing(tmp_path, password=PASSWORD3) as server:
        add(server, "olga")
        add(server, "otto")
        set_role(server, dualAuthorizationRequired=True)
        assert sign_in(server).json()["error_code"] == "AuthorizationRequired"
        assert sign_in(server, "admin").status_code == 200  # administrators are exempt
        second = {"second_username": "admin", "second_password": PASSWORD3}
        assert sign_in(server, **second).status_code == 200
        for refused in (
            {**second, "second_password": "wrong"},
            {**second, "second_username": "nobody"},
            {"second_username": "olga", "second_password": PASSWORD3},
            {"second_username": "otto", "second_password": PASSWORD3},  # needs somebody itself
        ):
            assert sign_in(server, **refused).json()["error_code"] == "AuthorizationRefused"
        assert sign_in(server, password="wrong", **second).json()["error_code"] == "InvalidCredentials"


def test_the_page_leads_through_everything(tmp_path):
    with managing(tmp_path, password=PASSWORD3) as server:
        add(server, "olga", forcePasswordChange=True)
        set_role(server, secondFactorRequired=True, dualAuthorizationRequired=True)
        with Browser(str(server.running.ca), (server.url,)) as browser:
            browser.open(address(server))
            browser.submit(username="olga", password=PASSWORD3)
            assert browser.fields >= {"new_password", "repeat_password"}
            browser.submit(new_password=NEW, repeat_password="different")
            assert "differ" in browser.text
            browser.submit(new_password="x", repeat_password="x")
            assert "at least 8 characters" in browser.text
            browser.submit(new_password=NEW, repeat_password=NEW)
            assert "second person" in browser.text
            browser.submit(second_username="admin", second_password="wrong")
            assert "could not authorise" in browser.text
            browser.submit(second_username="admin", second_password=PASSWORD3)
            assert "data:image/svg+xml" in browser.answer.text
            secret = "".join(browser.text.partition("Key:")[2].split("\n")[1].split())
            browser.submit(otp="000000")
            assert "The code is wrong" in browser.text
            assert PASSWORD3 not in browser.answer.text
            assert NEW not in browser.answer.text
            browser.submit(otp=code_for(server, secret))
            assert "recovery codes" in browser.text
            assert browser.left_to == ""
            browser.submit()
            assert redeem(server, browser.left_with()["code"]).status_code == 200
        assert sign_in(server, password=NEW).json()["error_code"] == "AuthorizationRequired"


def test_a_half_done_sign_in_is_the_browsers_own_and_ends(tmp_path):
    clock = HandClock()
    with managing(tmp_path, clock, password=PASSWORD3) as server:
        add(server, "olga", forcePasswordChange=True)
        with (
            Browser(str(server.running.ca), (server.url,)) as browser,
            Browser(str(server.running.ca), (server.url,)) as other,
        ):
            browser.open(address(server))
            browser.submit(username="olga", password=PASSWORD3)
            stolen = browser.form.values["attempt"]
            other.open(address(server))
            other.form.values.update(attempt=stolen, new_password=NEW, repeat_password=NEW)
            other.submit(username="", password="")
            assert "Please sign in again" in other.text
            browser.submit(new_password=NEW, repeat_password=NEW)  # it was used up by the attempt to steal it
            assert "Please sign in again" in browser.text
            browser.submit(username="olga", password=PASSWORD3)
            clock.move(301)
            browser.submit(new_password=NEW, repeat_password=NEW)
            assert "Please sign in again" in browser.text
