"""Two management servers on one database: one serves, the other takes over; no acknowledged write is lost."""

import asyncio
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import psutil
import pytest
import requests

from common.api.serving import STANDBY_HEADER, STATE_PATH
from common.clients.management import ManagementClient
from common.foundation.clock import SystemClock
from common.foundation.errors import VmsError
from server.recording.configuration.enrolment import joined
from server.recording.configuration.feed import ConfigurationFeed
from server.recording.settings import RecordingSettings
from server.runtime.audit_trail import AuditTrail
from server.runtime.outbox import Outbox
from tests.support.postgres_server import PASSWORD as DATABASE_PASSWORD

pytestmark = pytest.mark.integration

PASSWORD = "correct horse 9"


@contextmanager
def daemon(data, database_url):
    """A management server in a process of its own; gives the process and its ready line."""
    (data / "password").write_text(PASSWORD)
    settings = data / "vedette.toml"
    settings.write_text(
        f'[management]\nhttps_port = 0\nbind_address = "127.0.0.1"\nannounce = false\ndatabase_url = "{database_url}"\n'
    )
    command = [sys.executable, "-m", "server.management", "--data", str(data), "--config", str(settings)]
    with (data / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--admin-password-file", str(data / "password")],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "VEDETTE_MANAGEMENT__DATABASE_PASSWORD": DATABASE_PASSWORD},
        )
    try:
        line = process.stdout.readline()
        assert line, (data / "errors").read_text()
        yield process, json.loads(line)["management"]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.sqlite3"
    postgres = request.getfixturevalue("postgres")
    return postgres.url(postgres.new_database())


@pytest.fixture
def pair(tmp_path, database_url):
    """Two servers: the first serves, the second stands by with the same keys."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second / "management"):
        folder.mkdir(parents=True)
    with ExitStack() as stack:
        one = stack.enter_context(daemon(first, database_url))
        for name in ("ca.pem", "ca.key", "secrets.key"):
            shutil.copy(first / "management" / name, second / "management")
        two = stack.enter_context(daemon(second, database_url))
        yield one, two


class Writer(threading.Thread):
    """Creates users without a pause, through a client that knows both servers, and notes which were acknowledged."""

    def __init__(self, client):
        super().__init__(name="writer")
        self.client, self.kept, self.ending, self.longest_s = client, [], False, 0.0
        self.start()

    def run(self):
        number, since_s = 0, time.monotonic()
        while not self.ending:
            number += 1
            name = f"user{number}"
            try:
                self.client._call("POST", "/basicUsers", body={"name": name, "password": "long enough"})
            except VmsError:
                time.sleep(0.05)
                continue
            self.kept.append(name)
            now_s = time.monotonic()
            self.longest_s, since_s = max(self.longest_s, now_s - since_s), now_s


def until(condition, within_s=30.0):
    give_up_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def ask(ready, path, method="GET"):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, ready["https"] + path, verify=ready["ca"], timeout=10)


def test_the_second_stands_by_and_says_who_serves(pair):
    (_, serving), (_, waiting) = pair
    assert serving["standby"] is False
    assert waiting["standby"] is True
    until(lambda: ask(waiting, STATE_PATH).json()["active"] == serving["https"])
    assert ask(serving, STATE_PATH).json()["state"] == "active"
    refused = ask(waiting, "/api/rest/v1/cameras")
    assert refused.status_code == 503
    assert refused.headers[STANDBY_HEADER] == serving["https"]
    assert int(refused.headers["Retry-After"]) > 0
    assert serving["https"] in refused.json()["error"]["details"][0]["errorText"]
    with open(waiting["ca"]) as file, ManagementClient(waiting["https"], file.read()) as client:
        client.sign_in("admin", PASSWORD)  # it follows to the one that serves
        assert client.base_url == serving["https"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=["kill", "pause", "stop"])
def test_the_second_takes_over_within_five_seconds_and_no_write_is_lost(pair, how):
    (first, serving), (_, waiting) = pair
    with open(serving["ca"]) as file:
        client = ManagementClient(f"{serving['https']},{waiting['https']}", file.read())
    # A paused server accepts connections and says nothing; a client gives up on it after this long.
    client._https.__class__.request.__kwdefaults__["answer_timeout_s"] = 2.0
    with client:
        client.sign_in("admin", PASSWORD)
        writer = Writer(client)
        try:
            until(lambda: len(writer.kept) > 2)
            first.send_signal(how)
            went_s = time.monotonic()
            until(lambda: ask(waiting, STATE_PATH).json()["state"] == "active")
            took_s = time.monotonic() - went_s
            before = len(writer.kept)
            until(lambda: len(writer.kept) > before + 2)
            if how == signal.SIGSTOP and psutil.pid_exists(first.pid) and first.poll() is None:
                first.send_signal(signal.SIGCONT)
                first.wait(20)  # it finds that it lost the lease, and ends
        finally:
            writer.ending = True
            writer.join()
            client._https.__class__.request.__kwdefaults__["answer_timeout_s"] = 15.0
        names = [user["name"] for user in client._call("GET", "/basicUsers").get("array")]
    assert took_s <= 5.0
    assert set(writer.kept) <= set(names)
    assert len(names) == len(set(names))


async def test_a_recorder_goes_on_with_the_second_and_what_it_noted_arrives(pair, tmp_path):
    (first, serving), (_, waiting) = pair
    recorder = tmp_path / "recorder"
    recorder.mkdir()
    settings = RecordingSettings(
        management_url=serving["https"],
        other_management_urls=(waiting["https"],),
        management_ca_file=serving["ca"],
        enrolment_token=(tmp_path / "first" / "enrolment-token").read_text().strip(),
        name="North",
        hosts=("127.0.0.1",),
    )
    clock = SystemClock()
    identity = await joined(settings, recorder, 7563, clock)
    with open(serving["ca"]) as file:
        client = ManagementClient(f"{serving['https']},{waiting['https']}", file.read())
    applied = asyncio.Queue()

    async def told(name):
        async with asyncio.timeout(40):
            while name not in {item.name for item in (await applied.get()).hardware}:
                pass

    with client, closing(Outbox(recorder / "outbox.sqlite3")) as outbox:
        await asyncio.to_thread(client.sign_in, "admin", PASSWORD)
        trail = AuditTrail(outbox, clock)
        feed = ConfigurationFeed(settings, identity, recorder, 7563, clock, audit=(outbox, trail))
        with trail.running("server.recording.audit"):
            running = asyncio.create_task(feed.run(applied.put_nowait))
            try:
                await asyncio.to_thread(client.add_hardware, identity.id, "simulator:gate", name="Gate")
                await told("Gate")
                first.kill()
                logging.getLogger("server.recording.audit").info(
                    "playback", extra={"user": "olga", "item": "cameras/x"}
                )
                await asyncio.to_thread(until, lambda: ask(waiting, STATE_PATH).json()["state"] == "active")
                await asyncio.to_thread(client.add_hardware, identity.id, "simulator:yard", name="Yard")
                await told("Yard")
                async with asyncio.timeout(40):
                    while await asyncio.to_thread(outbox.oldest, 1):
                        await asyncio.sleep(0.05)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
        found = await asyncio.to_thread(
            client._https.request, "GET", "/api/audit/v1/entries?user=olga", token=client.access_token()
        )
    assert [(entry["action"], entry["source"]) for entry in found["array"]] == [("playback", identity.id)]


def test_a_second_server_with_other_keys_is_refused_with_what_to_do(tmp_path, database_url):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with daemon(first, database_url), pytest.raises(AssertionError, match="keys restore"), daemon(second, database_url):
        pass
    assert not (second / "management" / "ca.key").exists()
