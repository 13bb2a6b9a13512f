"""Whether a user exists is told neither by words nor by the work that a refusal costs: counted, since clocks lie."""

import pytest
from argon2 import PasswordHasher

from tests.support.management_rig import PASSWORD, managing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with managing(tmp_path_factory.mktemp("data"), lockout_after=100) as running:
        running.add_operator("olga")
        locked = running.add_operator("locked")
        admin = running.token()
        answer = running.rest("PATCH", f"basicUsers/{locked}", admin, json={"status": "LockedOutByAdmin"})
        assert answer.status_code == 200
        body = {"name": "changes", "password": PASSWORD, "forcePasswordChange": True}
        assert running.rest("POST", "basicUsers", admin, json=body).status_code == 201
        yield running


def test_a_wrong_password_costs_and_says_the_same_for_everybody(server, monkeypatch):
    costs = {}
    answers = set()
    work = []
    real = PasswordHasher.verify

    def counted(self, stored, password):
        work.append(stored.split("$")[1:4])  # algorithm and parameters: what the work depends on
        return real(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for name in ("olga", "locked", "changes", "nobody", "NO\\body", "no@body.example", "", "x" * 5000, "a\x00b"):
        work.clear()
        answer = server.grant(grant_type="password", username=name, password="wrong", client_id="VmsClient")
        answers.add((answer.status_code, answer.text, tuple(sorted(set(answer.headers) - {"date"}))))
        costs[name[:8]] = [list(each) for each in work]
    assert len(answers) == 1
    assert len({str(each) for each in costs.values()}) == 1, costs
    assert all(len(each) == 1 for each in costs.values())


def test_what_an_account_is_like_is_told_to_its_owner_only(server):
    def code(name, password):
        form = {"grant_type": "password", "username": name, "password": password, "client_id": "VmsClient"}
        return server.grant(**form).json()["error_code"]

    assert code("locked", PASSWORD) == "LockedOut"
    assert code("changes", PASSWORD) == "ChangePassword"
    assert code("locked", "wrong") == code("changes", "wrong") == "InvalidCredentials"
