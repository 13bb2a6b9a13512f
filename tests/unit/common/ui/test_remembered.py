"""What a client remembers between sign-ins."""

from pathlib import Path

import pytest

from common.foundation.errors import SettingsError
from common.ui.remembered import MOST_SERVERS, Remembered, RememberedServer, normal_server_url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("vms", "https://vms:8443"),
        (" vms:9443 ", "https://vms:9443"),
        ("https://vms/", "https://vms:443"),
        ("https://[fe80::1]:8443", "https://[fe80::1]:8443"),
    ],
)
def test_addresses_are_completed(typed: str, url: str) -> None:
    assert normal_server_url(typed) == url


@pytest.mark.parametrize("typed", ["", "http://vms", "https://", "a b", "vms:port", "https://u:p@vms", "vms:99999"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(SettingsError, match="no server address"):
        normal_server_url(typed)


def test_the_newest_server_comes_first_and_the_list_ends(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "deep" / "servers.json")
    for number in range(MOST_SERVERS + 5):
        remembered.remember(RememberedServer(f"https://vms{number}:8443", ca_pem="PEM"))
    remembered.remember(RememberedServer("https://vms10:8443", user="olga", ca_pem="NEW"))
    servers = remembered.servers()
    assert len(servers) == MOST_SERVERS
    assert (servers[0].user, remembered.authority("https://vms10:8443")) == ("olga", "NEW")
    assert [server.url for server in servers].count("https://vms10:8443") == 1
    remembered.forget("https://vms10:8443")
    assert remembered.authority("https://vms10:8443") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"servers": [{"url": 1}]}', '{"servers": 3}', "\x00"])
def test_a_broken_file_counts_as_empty_and_is_written_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "servers.json"
    file.write_text(content)
    remembered = Remembered(file)
    assert remembered.servers() == ()
    remembered.remember(RememberedServer("https://vms:8443"))
    assert len(remembered.servers()) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        Remembered(tmp_path / "file" / "servers.json").remember(RememberedServer("https://vms:8443"))
