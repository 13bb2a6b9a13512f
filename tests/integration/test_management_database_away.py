"""The database goes away under a working server: restarts, cut connections. Nothing half-written, nothing twice."""

import signal
import threading
import time

import pytest

from server.management.database.address import read_database_url
from server.management.database.engines import DatabaseLimits
from server.management.database.lease import Lease
from server.management.database.lease_locks import lease_lock
from server.management.database.outage import DatabaseAway
from server.management.database.store import Database, get_state, set_state
from tests.support.cut_proxy import cut_proxy
from tests.support.management_rig import managing
from tests.support.postgres_server import PASSWORD, postgres_server

pytestmark = pytest.mark.integration


def until(condition, within_s=30.0):
    give_up_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


class Writer(threading.Thread):
    """Creates users one after the other, and notes what was acknowledged."""

    def __init__(self, server, token):
        super().__init__(name="writer")
        self.server, self.token = server, token
        self.kept, self.refused, self.odd = [], 0, []
        self.ending = False
        self.start()

    def run(self):
        number = 0
        while not self.ending:
            number += 1
            name = f"user{number}"
            answer = self.server.rest("POST", "basicUsers", self.token, json={"name": name, "password": "long enough"})
            if answer.status_code == 201:
                self.kept.append(name)
            elif answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0:
                self.refused += 1
            else:
                self.odd.append((answer.status_code, answer.text))

    def end(self):
        self.ending = True
        self.join()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast shutdown", "crash"])
def test_a_restart_of_the_database_under_load_costs_no_change_and_no_error(tmp_path, how):
    with postgres_server() as postgres:
        settings = postgres.settings()
        with managing(tmp_path, **settings, database_patience_s=20) as server:
            token = server.token()
            writer = Writer(server, token)
            try:
                until(lambda: len(writer.kept) > 3)
                postgres.stop(how)
                postgres.start()
                before = len(writer.kept)
                until(lambda: len(writer.kept) > before + 3)
            finally:
                writer.end()
            names = [user["name"] for user in server.rest("GET", "basicUsers", token).json()["array"]]
    assert writer.odd == []
    assert set(writer.kept) <= set(names)
    assert len(names) == len(set(names))
    assert writer.refused == 0  # it was back within the server's patience


def test_while_it_stays_away_clients_are_told_at_once_and_when_to_ask_again(tmp_path, postgres):
    with cut_proxy(postgres.port) as proxy:
        settings = postgres.settings(proxy.port)
        with managing(tmp_path, **settings, database_patience_s=0.5) as server:
            token = server.token()
            proxy.refuse(True)
            answer = server.rest("GET", "cameras", token)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert "does not answer" in answer.json()["error"]["details"][0]["errorText"]
            assert PASSWORD not in answer.text
            started_s = time.monotonic()
            codes = {server.rest("GET", "cameras", token).status_code for _ in range(10)}
            assert codes == {503}
            assert time.monotonic() - started_s < 8  # nobody waited behind time-outs
            proxy.refuse(False)
            until(lambda: server.rest("GET", "cameras", token).status_code == 200)


def test_connections_cut_in_mid_request_are_not_noticed(tmp_path, postgres):
    with cut_proxy(postgres.port) as proxy, managing(tmp_path, **postgres.settings(proxy.port)) as server:
        token = server.token()
        writer = Writer(server, token)
        try:
            for _ in range(5):
                before = len(writer.kept)
                proxy.cut()
                until(lambda least=before + 2: len(writer.kept) >= least)
        finally:
            writer.end()
        names = [user["name"] for user in server.rest("GET", "basicUsers", token).json()["array"]]
    assert writer.odd == []
    assert writer.refused == 0
    assert sorted([*writer.kept, "admin"]) == sorted(names)


def opened(postgres, port, name):
    url = read_database_url(postgres.url(name, port), PASSWORD)
    return Database(url, DatabaseLimits(pool=4, connect_timeout_s=2, patience_s=5.0), f"vedette test {name}")


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_whose_answer_is_lost_is_looked_up_and_not_guessed(postgres, committed):
    name = postgres.new_database()
    with cut_proxy(postgres.port) as proxy:
        database = opened(postgres, proxy.port, name)
        lease = Lease(database, lease_lock(database), "https://a", time.monotonic)
        assert lease.try_take()
        tries = []

        def work():
            with database.write() as session:
                tries.append(1)
                set_state(session, "colour", "green")
                session.flush()
                if len(tries) > 1:
                    return
                driver = session.connection().connection.driver_connection
                if committed:
                    driver.commit()  # the server did it, and then the line broke
                proxy.cut()

        database.outage.again(work)

        def look():
            with database.read() as session:
                return get_state(session, "colour")

        kept = database.outage.again(look)
        lease.release()
        database.close()
    assert kept == "green"
    assert len(tries) == (1 if committed else 2)


def test_a_doubtful_commit_is_told_as_such_when_the_database_stays_away(postgres):
    name = postgres.new_database()
    with cut_proxy(postgres.port) as proxy:
        database = opened(postgres, proxy.port, name)
        database.outage._patience_s = 0.2
        lease = Lease(database, lease_lock(database), "https://a", time.monotonic)
        assert lease.try_take()

        def work():
            with database.write() as session:
                set_state(session, "colour", "green")
                session.flush()
                proxy.refuse(True)

        with pytest.raises(DatabaseAway) as caught:
            database.outage.again(work)
        lease.release()
        database.close()
    assert caught.value.doubtful
