"""Parts of the management API that need no server: forms, queries, lockout, times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from server.management.api.answers import BadRequest
from server.management.api.envelope import api_time
from server.management.api.forms import decode_form
from server.management.api.query import read_query
from server.management.identity.lockout import Lockout

ITEMS = [
    {"name": "Gate", "channel": 2, "enabled": True},
    {"name": "Yard", "channel": 10, "enabled": True},
    {"name": "Attic", "channel": 3, "enabled": False},
]


@pytest.mark.parametrize(
    ("body", "password"),
    [
        (b"grant_type=password&username=a&password=p%26q&client_id=c", "p&q"),
        (b"grant_type=password&username=a&password=p&q&client_id=c", "p&q"),
        (b"Grant_Type=password&PASSWORD=two+words&username=a&client_id=c", "two words"),
        (b"grant_type=password&password=50%&username=a&client_id=c", "50%"),
    ],
)
def test_forms_are_read_leniently(body, password):
    form = decode_form(body)
    assert (form["grant_type"], form["username"], form["password"], form["client_id"]) == (
        "password",
        "a",
        password,
        "c",
    )


@given(st.binary(max_size=200))
def test_any_form_is_read(body):
    assert all(isinstance(value, str) for value in decode_form(body).values())


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        ([], ["Gate", "Yard"]),
        ([("disabled", "")], ["Gate", "Yard", "Attic"]),
        ([("name", "GATE")], ["Gate"]),
        ([("name", "contains:'a'")], ["Gate", "Yard"]),
        ([("name", "startsWith:y")], ["Yard"]),
        ([("name", "notEquals:gate")], ["Yard"]),
        ([("channel", "lt:10")], ["Gate"]),
        ([("channel", "gt:2")], ["Yard"]),
        ([("unknown", "x")], ["Gate", "Yard"]),
        ([("page", "1"), ("size", "1")], ["Yard"]),
        ([("page", "7")], []),
    ],
)
def test_lists_are_filtered_and_paged(pairs, names):
    query = read_query(pairs, frozenset({"name", "channel", "enabled"}))
    offered = [(item.get("enabled", True), lambda item=item: item) for item in ITEMS]
    assert [item["name"] for item in query.page_of(offered)] == names


@pytest.mark.parametrize("pair", [("page", "-1"), ("page", "x"), ("size", "0"), ("size", "99999999999"), ("page", "²")])
def test_pages_that_are_none_are_refused(pair):
    with pytest.raises(BadRequest):
        read_query([pair], frozenset())


@pytest.mark.parametrize(
    ("at", "text"), [(0, "1970-01-01T00:00:00.0000000Z"), (1_500_000, "1970-01-01T00:00:01.5000000Z")]
)
def test_times_have_seven_digits(at, text):
    assert api_time(UtcUs(at)) == text


def test_lockout_grows_ends_and_forgets():
    now = [0.0]
    lockout = Lockout(3, 30, 100, lambda: now[0])
    assert [lockout.failed("a") for _ in range(6)] == [0, 0, 30, 60, 100, 100]
    assert lockout.remaining_s("a") == 100
    assert lockout.remaining_s("b") == 0
    now[0] = 101
    assert lockout.remaining_s("a") == 0
    lockout.succeeded("a")
    assert lockout.failed("a") == 0
