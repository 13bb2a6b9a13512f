"""What a client knows of the server's clock: from the Date of its answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.clients.management import ManagementClient
from common.foundation.clock import US_PER_S, SystemClock
from tests.support.stand_in_management import PASSWORD, USER, StandInServer, stand_in_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandInServer]:
    with stand_in_server(tmp_path) as started:
        yield started


def test_the_servers_clock_comes_with_its_answers(server: StandInServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with ManagementClient(server.url, server.ca_pem) as client:
        assert client.server_now_us() is None
        client.sign_in(USER, PASSWORD)
        here = client.server_now_us()
        assert here is not None
        assert abs(here - SystemClock().now_us()) < 2 * US_PER_S
        ahead = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
        monkeypatch.setattr(server.handler, "date_time_string", lambda *_: "Tue, 06 May 2031 07:08:09 GMT")
        client.cameras()
        there = client.server_now_us()
        assert there is not None
        assert 0 <= there - ahead.timestamp() * US_PER_S < 60 * US_PER_S
        monkeypatch.setattr(server.handler, "date_time_string", lambda *_: "at tea time")
        client.cameras()
        kept = client.server_now_us()
        assert kept is not None
        assert kept >= there
