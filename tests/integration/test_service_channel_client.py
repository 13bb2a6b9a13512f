"""Our own listener on the service channel, against a real management server."""

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.api.service_channel import Notice
from common.clients.management import ManagementClient
from common.clients.service_channel import Connected, Lost, Missed, ServiceChannelClient, Told
from common.foundation.errors import NotSignedIn
from tests.support.management_rig import PASSWORD, HandClock, Management, managing


@contextmanager
def hearing(client: ManagementClient, ca_pem: str) -> Iterator[Callable[[], Told]]:
    heard: queue.Queue[Told] = queue.Queue()
    listener = ServiceChannelClient(client.base_url, ca_pem, client.access_token, heard.put)
    listener.start()
    try:
        yield lambda: heard.get(timeout=20)
    finally:
        listener.stop()


def rename(site: Management, description: str) -> None:
    admin = site.token()
    site_id = site.rest("GET", "sites", admin).json()["array"][0]["id"]
    assert site.rest("PATCH", f"sites/{site_id}", admin, json={"description": description}).status_code == 200


def test_hears_changes_and_nothing_twice(tmp_path: Path) -> None:
    with managing(tmp_path) as site, site.client() as client, hearing(client, site.ca_pem) as told:
        assert isinstance(told(), Missed)
        assert isinstance(told(), Connected)
        rename(site, "one")
        rename(site, "two")
        first, second = told(), told()
        assert isinstance(first, Notice)
        assert isinstance(second, Notice)
        assert second.number == first.number + 1


def test_goes_on_after_the_server_was_restarted(tmp_path: Path) -> None:
    with managing(tmp_path) as site:
        port, ca_pem, client = int(site.url.rpartition(":")[2]), site.ca_pem, site.client()
        with hearing(client, ca_pem) as told:
            assert isinstance(told(), Missed)
            assert isinstance(told(), Connected)
            site.stop()
            assert isinstance(told(), Lost)
            with managing(tmp_path, https_port=port) as again:
                while isinstance(heard := told(), Lost):
                    continue
                assert isinstance(heard, Missed)  # another journal
                assert isinstance(told(), Connected)
                rename(again, "after")
                assert isinstance(told(), Notice)
        client.close()


def test_hears_that_its_session_ended(tmp_path: Path) -> None:
    with managing(tmp_path) as site:
        user = site.add_operator()
        with site.client("olga", PASSWORD) as client, hearing(client, site.ca_pem) as told:
            assert isinstance(told(), Missed)
            assert isinstance(told(), Connected)
            assert site.rest("DELETE", f"basicUsers/{user}", site.token()).status_code == 200
            lost = told()
            assert isinstance(lost, Lost)
            assert isinstance(lost.error, NotSignedIn)
            with pytest.raises(NotSignedIn):
                client.cameras()
            while "no session" not in str(getattr(told(), "error", "")):  # it ends with that
                continue


def test_goes_on_with_another_token_when_its_own_was_refused(tmp_path: Path) -> None:
    with managing(tmp_path) as site, ManagementClient(site.url, site.ca_pem, HandClock().monotonic_s) as client:
        client.sign_in("admin", PASSWORD)
        site.clock.move(4000)  # the client slept meanwhile: it does not know that its token has expired
        with hearing(client, site.ca_pem) as told:
            lost = told()
            assert isinstance(lost, Lost)
            assert isinstance(lost.error, NotSignedIn)
            assert client.cameras() == ()  # renews it
            while isinstance(heard := told(), Lost):
                continue
            assert isinstance(heard, Missed)
            assert isinstance(told(), Connected)
