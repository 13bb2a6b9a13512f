"""The management daemon as a process: it says when it answers, stops when asked, and explains what it cannot use."""

import json
import signal
import subprocess
import sys

import pytest

from common.clients.management import ManagementClient

pytestmark = pytest.mark.integration


def command(data, settings):
    file = data / "vedette.toml"
    file.write_text(settings)
    return [sys.executable, "-m", "server.management", "--data", str(data), "--config", str(file)]


def test_it_starts_is_set_up_and_stops_with_a_client_still_connected(tmp_path):
    settings = '[management]\nhttps_port = 0\nbind_address = "127.0.0.1"\n'
    daemon = subprocess.Popen(command(tmp_path, settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        ready = json.loads(daemon.stdout.readline())["management"]
        assert ready["first_start"] is True
        with open(ready["ca"]) as file:
            client = ManagementClient(ready["https"], file.read())
        client.set_up(ready["setup_code"], "anna", "long password")
        client.sign_in("anna", "long password")
        assert client.cameras() == ()
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=9)
        client.close()
    finally:
        daemon.kill()
        daemon.communicate()
    assert daemon.returncode == 0
    assert "Traceback" not in errors
    assert ready["setup_code"] not in errors
    assert "long password" not in errors


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[management]\nhttps_prot = 1\n", "did you mean 'https_port'"),
        ('[management]\nhttps_port = "x"\n', "https_port"),
        ('[management]\nhttps_port = 0\nbind_address = "203.0.113.7"\n', "cannot listen: 203.0.113.7"),
        ("[management]\nhttps_port = 0\n", "file is not a database"),
    ],
)
def test_what_it_cannot_use_is_explained(tmp_path, settings, words):
    (tmp_path / "management").mkdir()
    (tmp_path / "management" / "configuration.sqlite3").write_bytes(b"no database at all" * 100)
    done = subprocess.run(command(tmp_path, settings), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode not in (0, None)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
