"""Codes, policies, locks and names: the parts of signing in that need no server."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.model.identity import Directory
from server.management.identity.authorization_codes import challenge_of, fits, may_redirect_to
from server.management.identity.ldap_names import (
    DirectoryName,
    belongs_to,
    groups_filter,
    member_filter,
    sid_bytes,
    sid_text,
    taken_apart,
    user_filter,
)
from server.management.identity.lockout import Lockout, address_key
from server.management.identity.password_policy import PasswordPolicy
from server.management.identity.totp import STEP_S, as_text, code_at, enrolment_uri, step_of

RFC_SECRET = b"12345678901234567890"
AD = Directory(name="AD", domain="LAB", dns_domains=("lab.test",))
OPENLDAP = AD.model_copy(update={"directory_type": "OpenLdap"})


@pytest.mark.parametrize(
    ("now_s", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(now_s, code):
    """Appendix B, the last six of its eight digits."""
    assert code_at(RFC_SECRET, now_s // STEP_S) == code
    assert step_of(RFC_SECRET, code, now_s, 0) == now_s // STEP_S
    assert step_of(RFC_SECRET, f" {code[:3]} {code[3:]} ", now_s, 0) is not None


def test_a_code_counts_a_step_early_or_late_and_never_twice():
    now = 1_000_000
    code = code_at(RFC_SECRET, now)
    for steps, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        assert (step_of(RFC_SECRET, code, (now + steps) * STEP_S, 0) is not None) == good
    assert step_of(RFC_SECRET, code, now * STEP_S, now) is None


@given(st.text(max_size=12))
def test_what_is_no_code_is_none(text):
    if step_of(RFC_SECRET, text, 59, 0) is not None:
        assert "".join(text.split()) in {code_at(RFC_SECRET, step) for step in (0, 1, 2)}


def test_the_enrolment_address_is_what_apps_read():
    uri = enrolment_uri(RFC_SECRET, "LAB\\anna", "North: gate 1")
    assert uri.startswith("otpauth://totp/North%20%20gate%201%3ALAB%5Canna?secret=")
    assert base64.b32decode(as_text(RFC_SECRET)) == RFC_SECRET


@pytest.mark.parametrize(
    ("password", "name", "words"),
    [
        ("short", "anna", "at least 8"),
        ("x" * 1025, "anna", "at most 1024"),
        ("alllowercase", "anna", "at least 2"),
        ("My-ANNA-password1", "anna", "user name"),
        ("Jo is in here 1", "jo", None),
        ("", "anna", "required"),
        (None, "anna", "required"),
        ("Good-enough-1", "anna", None),
    ],
)
def test_the_policy_says_what_is_wrong(password, name, words):
    problem = PasswordPolicy(min_chars=8, classes=2).problem_with(password, name)
    assert (problem is None) if words is None else (words in problem)


def test_failures_of_an_address_fade():
    now = [0.0]
    lockout = Lockout(3, 10, 100, lambda: now[0], one_forgotten_each_s=60)
    for _ in range(2):
        assert lockout.failed("a") == 0
    now[0] = 130
    assert lockout.failed("a") == 0
    assert lockout.failed("a") == 0
    assert lockout.failed("a") == 10


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "nonsense", True),
    ],
)
def test_addresses_are_counted_by_network(one, other, same):
    assert (address_key(one) == address_key(other)) == same


def test_a_verifier_fits_its_challenge_only():
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert fits(verifier, challenge_of(verifier))
    assert not fits(verifier[:-1] + "x", challenge_of(verifier))
    assert not fits("short", challenge_of(verifier))


@given(st.text(max_size=60))
@example("#")
@example(" ")
def test_a_code_is_sent_to_listed_or_own_addresses_only(text):
    """Whatever is put around a host of ours, no other host gets a code."""
    for uri in (f"https://vms.example{text}", f"http://127.0.0.1{text}", f"{text}https://vms.example/"):
        if may_redirect_to(uri, "https://vms.example", ()):
            assert uri.startswith(("https://vms.example", "http://127.0.0.1"))
            rest = uri.removeprefix("https://vms.example").removeprefix("http://127.0.0.1")
            assert rest == "" or rest[0] in "/?:"


@pytest.mark.parametrize(
    ("name", "user", "qualifier", "form"),
    [
        ("LAB\\anna", "anna", "LAB", "domain"),
        ("anna@lab.test", "anna", "lab.test", "principal"),
        ("a@b@lab.test", "a@b", "lab.test", "principal"),
        ("anna", "anna", "", "bare"),
        ("@anna", "@anna", "", "bare"),
        ("LAB\\x\\y", "x\\y", "LAB", "domain"),
    ],
)
def test_names_are_taken_apart(name, user, qualifier, form):
    parts = taken_apart(name)
    assert (parts.user, parts.qualifier, parts.form) == (user, qualifier, form)


def test_a_name_belongs_to_the_directory_of_its_domain():
    for name in ("lab\\anna", "LAB.test\\anna", "anna@LAB.TEST"):
        assert belongs_to(taken_apart(name), AD)
    for name in ("anna", "OTHER\\anna", "anna@lab", "\\anna", "anna@other.test"):
        assert not belongs_to(taken_apart(name), AD)
    assert not belongs_to(taken_apart("\\anna"), Directory(name="without a domain"))


@given(st.text(min_size=1, max_size=40), st.sampled_from([AD, OPENLDAP]))
def test_no_name_changes_the_filter_around_it(text, directory):
    """RFC 4515: whatever stands in a name is a value, never a part of the filter."""
    for form in ("domain", "principal", "bare"):
        made = user_filter(DirectoryName(text, text, form), directory)
        plain = user_filter(DirectoryName("anna", "LAB", form), directory)
        assert made.count("(") == plain.count("(")
        assert made.count(")") == plain.count(")")
        assert "*" not in made
        assert "\x00" not in made
    assert groups_filter(text, directory).count("(") == groups_filter("x", directory).count("(")
    stars = member_filter(text, directory).count("*")
    assert stars == member_filter("x", directory).count("*")


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15), st.integers(0, 2**48 - 1))
def test_security_identifiers_survive_writing_and_reading(parts, authority):
    text = "-".join(["S", "1", str(authority), *map(str, parts)])
    assert sid_text(sid_bytes(text)) == text


@pytest.mark.parametrize(
    "text", ["", "S", "S-1", "S-1-x", "X-1-5-21", "S-1-5-" + "-".join("1" * 40), "S-1-5-99999999999"]
)
def test_what_is_no_security_identifier_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the only one it raises
        sid_bytes(text)
