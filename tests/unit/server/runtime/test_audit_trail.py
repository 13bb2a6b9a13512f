"""Audit lines become entries: in which category, by whom, and without secrets."""

import logging
import threading
from contextlib import closing

import pytest

from common.api.audit import AuditEntry
from common.foundation.clock import SystemClock
from server.runtime.audit_trail import ORIGIN, AuditTrail, Origin
from server.runtime.outbox import Outbox

LOGGER = "test.audit"
audit = logging.getLogger(LOGGER)


class Gathering:
    """In place of a database that is in a transaction."""

    def __init__(self):
        self.joined = []

    def join(self, entry):
        self.joined.append(entry)
        return True


def noted(tmp_path, say, transactions=None):
    """What stands in the outbox after `say`."""
    with closing(Outbox(tmp_path / "o.sqlite3")) as outbox:
        trail = AuditTrail(outbox, SystemClock(), transactions)
        with trail.running(LOGGER):
            say(trail)
        return [AuditEntry.model_validate_json(body) for _, body in outbox.oldest(1000)]


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("signed in", "sign_in"),
        ("sign-in refused", "sign_in"),
        ("refresh token used twice", "sign_in"),
        ("authorization code used twice", "sign_in"),
        ("second factor set up", "sign_in"),
        ("refused", "refusal"),
        ("live viewing", "live"),
        ("playback", "playback"),
        ("export started", "export"),
        ("evidence lock created", "evidence_lock"),
        ("recording started by hand", "recording"),
        ("recording server enrolled", "configuration"),
        ("task", "configuration"),
    ],
)
def test_each_line_has_its_category(tmp_path, message, category):
    (entry,) = noted(tmp_path, lambda _: audit.info(message, extra={"user": "anna"}))
    assert (entry.category, entry.action, entry.user, entry.outcome) == (category, message, "anna", "succeeded")


def test_a_warning_is_a_refusal_and_what_the_rows_tell_is_left_out(tmp_path):
    def say(_):
        audit.warning("sign-in refused", extra={"user": "x"})
        audit.info("configuration %s", "changed", extra={"user": "x"})

    assert [entry.outcome for entry in noted(tmp_path, say)] == ["refused"]


def test_who_and_where_come_from_the_request_unless_the_line_says_otherwise(tmp_path):
    def say(_):
        ORIGIN.set(Origin("anna", "1", "192.0.2.7", "Smart Client"))
        audit.info("task", extra={"item": "cameras/7"})
        audit.info("signed in", extra={"user": "bert"})

    def apart(trail):  # a context of its own, as a request has
        thread = threading.Thread(target=say, args=(trail,))
        thread.start()
        thread.join()

    first, second = noted(tmp_path, apart)
    assert (first.user, first.user_id, first.address, first.client) == ("anna", "1", "192.0.2.7", "Smart Client")
    assert first.item == "cameras/7"
    assert (second.user, second.user_id, second.address) == ("bert", "", "192.0.2.7")


def test_secrets_and_endless_texts_stay_out(tmp_path):
    fields = {
        "password": "geheim-1",
        "address_of_camera": "rtsp://root:geheim-2@10.0.0.1/x",
        "properties": {"refresh_token": "geheim-3", "note": "y" * 10_000},
        "list": ["z"] * 10_000,
        "user": "u" * 10_000,
    }
    (entry,) = noted(tmp_path, lambda _: audit.info("task", extra=fields))
    text = entry.model_dump_json()
    assert "geheim" not in text
    assert len(text) < 5_000


def test_what_succeeds_joins_the_transaction_and_what_is_refused_does_not(tmp_path):
    gathering = Gathering()

    def say(_):
        audit.info("signed in", extra={"user": "anna"})
        audit.warning("sign-in refused", extra={"user": "bert"})

    assert [entry.user for entry in noted(tmp_path, say, gathering)] == ["bert"]
    assert [entry.user for entry in gathering.joined] == ["anna"]


def test_a_flood_is_counted_and_never_waits(tmp_path, monkeypatch):
    monkeypatch.setattr("server.runtime.audit_trail._MOST_WAITING", 50)

    def say(trail):
        blocked = threading.Event()
        put = trail._outbox.put

        def slow(messages):
            blocked.wait(30)
            return put(messages)

        trail._outbox.put = slow
        for _ in range(2_000):
            audit.info("task", extra={"user": "anna"})
        blocked.set()

    entries = noted(tmp_path, say)
    lost = [entry for entry in entries if entry.action == "audit entries lost"]
    assert len(entries) - len(lost) + sum(entry.details["count"] for entry in lost) <= 2_000
    assert len(entries) < 2_000
