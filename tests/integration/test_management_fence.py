"""A management process that lost the lease without knowing it writes nothing any more, whatever it was doing."""

import threading
import time

import pytest

from server.management.database.address import read_database_url, sqlite_file
from server.management.database.engines import DatabaseLimits
from server.management.database.lease import Lease, LeaseLost
from server.management.database.lease_locks import lease_lock
from server.management.database.outage import DatabaseAway
from server.management.database.store import Database, get_state, set_state
from tests.support.postgres_server import PASSWORD

pytestmark = pytest.mark.integration

LIMITS = DatabaseLimits(pool=4, connect_timeout_s=2, statement_timeout_s=10, patience_s=0.2)


class Server:
    """One process's way to the database; its clock is moved by hand."""

    def __init__(self, address, name):
        self.now_s = 0.0
        self.database = Database(address, LIMITS, f"vedette {name}")
        self.lease = Lease(self.database, lease_lock(self.database), f"https://{name}", lambda: self.now_s)

    def write(self, value):
        with self.database.write() as session:
            set_state(session, "colour", value)

    def colour(self):
        with self.database.read() as session:
            return get_state(session, "colour")

    def close(self):
        self.lease.release()
        self.database.close()


@pytest.fixture
def servers(postgres):
    address = read_database_url(postgres.url(postgres.new_database()), PASSWORD)
    made = [Server(address, name) for name in ("a", "b")]
    yield made
    for server in made:
        server.close()


def take_over(server):
    """What a server that stands by does when the other one has not moved for a while."""
    assert not server.lease.try_take()
    server.now_s += 10.0
    return server.lease.try_take()


def test_the_first_serves_and_the_second_waits_while_it_beats(servers):
    a, b = servers
    assert a.lease.try_take()
    for _ in range(5):
        a.lease.beat()
        assert not b.lease.try_take()
        b.now_s += 1.0
    assert b.lease.holder().address == "https://a"


def test_after_a_take_over_the_first_is_refused_and_hears_of_it(servers):
    a, b = servers
    assert a.lease.try_take()
    a.write("of a")
    assert take_over(b)
    b.write("of b")
    with pytest.raises(LeaseLost):
        a.database.outage.again(lambda: a.write("of a again"))
    with pytest.raises((LeaseLost, DatabaseAway)):
        a.lease.beat()
    with pytest.raises(LeaseLost):
        a.lease.beat()
    assert b.colour() == "of b"


def test_a_transaction_that_was_open_at_the_take_over_does_not_count(servers):
    a, b = servers
    assert a.lease.try_take()
    a.write("before")

    def paused_half_way():
        with a.database.write() as session:
            set_state(session, "colour", "half done")
            session.flush()
            # It is paused here, with its rows locked. The other one must not wait for them.
            started_s = time.monotonic()
            assert take_over(b)
            assert time.monotonic() - started_s < 3
            b.write("of b")

    with pytest.raises(DatabaseAway) as caught:
        paused_half_way()
    assert b.colour() == "of b"
    assert caught.value.retryable
    with pytest.raises(LeaseLost):
        a.database.outage.again(lambda: a.write("again"))


def test_of_two_that_take_over_at_once_one_wins(postgres):
    address = read_database_url(postgres.url(postgres.new_database()), PASSWORD)
    old, one, two = (Server(address, name) for name in ("old", "one", "two"))
    try:
        assert old.lease.try_take()
        results = {}

        def go(server, name):
            try:
                results[name] = take_over(server)
            except (LeaseLost, DatabaseAway):
                results[name] = False

        threads = [threading.Thread(target=go, args=each) for each in ((one, "one"), (two, "two"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writers = []
        for server in (old, one, two):
            try:
                server.database.outage.again(lambda server=server: server.write("x"))
                writers.append(server)
            except (LeaseLost, DatabaseAway):
                pass
        # Whoever has no generation of its own writes unfenced only if it never was told to serve: none of them may.
        serving = [server for server in writers if server.lease.held]
        assert len(serving) == 1
        assert serving[0] is not old
    finally:
        for server in (old, one, two):
            server.close()


def test_a_server_that_stops_hands_over_at_once(tmp_path):
    address = sqlite_file(tmp_path / "shared.sqlite3")
    a, b = Server(address, "a"), Server(address, "b")
    assert a.lease.try_take()
    assert not b.lease.try_take()
    a.close()
    assert b.lease.try_take()
    assert b.lease.generation == 2
    b.close()


def test_on_sqlite_the_fence_holds_as_well(tmp_path):
    address = sqlite_file(tmp_path / "shared.sqlite3")
    a, b = Server(address, "a"), Server(address, "b")
    assert a.lease.try_take()
    a.write("of a")
    a.lease._lock.release()  # as if the file's lock had been lost
    assert b.lease.try_take()
    with pytest.raises(LeaseLost):
        a.write("too late")
    b.write("of b")
    assert b.colour() == "of b"
    a.close()
    b.close()
