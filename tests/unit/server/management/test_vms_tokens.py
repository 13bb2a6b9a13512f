"""VMS tokens: minted, renewed, refused, and ended with the user that holds them."""

import pytest

from common.foundation.errors import NotSignedIn
from common.model.users import ADMINISTRATORS_ROLE_ID, OPERATORS_ROLE_ID, BasicUser, Role
from server.management.configuration.items import Items
from server.management.database.address import sqlite_file
from server.management.database.sealing import Seal
from server.management.database.store import Database
from server.management.identity.accounts import Accounts
from server.management.identity.external_users import ExternalUsers
from server.management.identity.password_policy import PasswordPolicy
from server.management.identity.revocations import revoked_tokens
from server.management.identity.subjects import Subjects
from server.management.identity.vms_tokens import LIFE_S, VmsTokens
from tests.support.management_rig import HandClock


class Rig:
    def __init__(self, folder):
        self.clock = HandClock()
        self.database = Database(sqlite_file(folder / "configuration.sqlite3"))
        self.database.migrate()
        self.items = Items(Seal(folder / "key"), self.clock)
        self.accounts = Accounts(self.items, PasswordPolicy(), self.now_s)
        self.tokens = VmsTokens(Subjects(self.items, self.accounts, ExternalUsers(self.items)), self.now_s)
        with self.database.write() as session:
            for name, role_id in (("operators", OPERATORS_ROLE_ID), ("administrators", ADMINISTRATORS_ROLE_ID)):
                self.items.create(session, Role(name=name, token_name=name), None, role_id)
            self.user = self.accounts.create(session, BasicUser(name="olga"), "hash", None).id
            self.accounts.add_member(session, OPERATORS_ROLE_ID, self.user)

    def now_s(self):
        return self.clock.now_us() / 1e6

    def mint(self):
        with self.database.write() as session:
            return self.tokens.mint(session, self.user, "vms.example:8443/<x>#")

    def who(self, text):
        with self.database.read() as session:
            return self.tokens.principal(session, text)


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    yield made
    made.database.close()


def test_a_token_says_who_holds_it(rig):
    token = rig.mint()
    assert token.text.startswith("TOKEN#")
    assert token.text.endswith("#vms.example:8443x//ServerConnector#")
    assert token.life_us == 14_400_000_000
    who = rig.who(token.text)
    assert (who.name, who.roles) == ("olga", frozenset({"operators"}))
    guid = token.text.split("#")[1]
    assert who.jti not in token.text  # the database does not hold the secret
    assert guid not in who.jti


@pytest.mark.parametrize(
    "text", ["", "TOKEN#", "TOKEN##h#", "TOKEN#x#h//ServerConnector#", "x" * 600, "TOKEN#" + "0" * 36]
)
def test_what_is_no_token_is_refused(rig, text):
    with pytest.raises(NotSignedIn):
        rig.who(text)


def test_a_token_runs_out_and_can_be_renewed_before(rig):
    first = rig.mint()
    rig.clock.move(LIFE_S - 10)
    with rig.database.write() as session:
        second = rig.tokens.renew(session, first.text, "h")
    rig.clock.move(20)
    assert rig.who(second.text).name == "olga"
    with pytest.raises(NotSignedIn, match="expired"):
        rig.who(first.text)
    with pytest.raises(NotSignedIn), rig.database.write() as session:
        rig.tokens.renew(session, first.text, "h")


def test_logging_out_and_removing_the_user_end_it_and_recorders_are_told(rig):
    out, removed = rig.mint(), rig.mint()
    with rig.database.write() as session:
        rig.tokens.revoke(session, out.text)
        rig.tokens.revoke(session, "nonsense")
    with pytest.raises(NotSignedIn):
        rig.who(out.text)
    jti = rig.who(removed.text).jti
    with rig.database.write() as session:
        rig.accounts.delete(session, rig.user)
    with pytest.raises(NotSignedIn):
        rig.who(removed.text)
    with rig.database.read() as session:
        assert jti in revoked_tokens(session, rig.now_s())
