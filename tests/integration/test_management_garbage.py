"""A thousand senseless inputs to the management server's port: it goes on answering, with no fault of its own."""

import json
import random
import socket
import ssl

import pytest

from tests.support.management_rig import PASSWORD, managing

pytestmark = pytest.mark.integration


def connected(server, tls):
    host, port = "127.0.0.1", int(server.url.rpartition(":")[2])
    raw = socket.create_connection((host, port), timeout=10)
    if not tls:
        return raw
    return ssl.create_default_context(cafile=str(server.running.ca)).wrap_socket(raw, server_hostname=host)


def nonsense(chance):
    values = [None, True, -1, 1e308, 2**70, "", "\x00", "'; DROP TABLE items; --", "\ud800", "x" * 5000, [], {}, [[[]]]]
    names = ["name", "enabled", "hardwareAddress", "userName", "id", "relations", "password", "code", "token", "ß"]
    return {chance.choice(names): chance.choice(values) for _ in range(chance.randrange(6))}


def test_raw_bytes_do_not_stop_it(tmp_path):
    chance = random.Random(1)
    with managing(tmp_path) as server:
        for number in range(400):
            junk = chance.randbytes(chance.randrange(1, 400))
            if number % 4 == 0:
                junk = b"\x16\x03\x01" + junk  # begins like a TLS handshake
            with connected(server, tls=False) as raw:
                raw.sendall(junk)
        for _ in range(100):
            with connected(server, tls=True) as tls:
                tls.sendall(
                    chance.choice([b"", b"GET ", b"POST /idp/connect/token HTTP/1.1\r\n"]) + chance.randbytes(90)
                )
        assert server.rest("GET", "cameras", server.token()).status_code == 200


def test_senseless_requests_are_refused_in_json(tmp_path):
    chance = random.Random(2)
    with managing(tmp_path) as server, server.client() as client:
        recorder_id = server.enrol()[0].id
        hardware_id = client.add_hardware(recorder_id, "simulator:a")
        token = client.access_token()
        camera_id = client.cameras()[0].id
        paths = [
            "/api/rest/v1/basicUsers",
            f"/api/rest/v1/cameras/{camera_id}",
            f"/api/rest/v1/hardware/{hardware_id}",
            f"/api/rest/v1/recordingServers/{recorder_id}?task=AddHardware",
            "/api/rest/v1/cameras?name=contains:'%00\"&page=-1",
            "/api/rest/v1/cameras/..%2f..%2fetc?size=99999999999999999999",
            "/api/internal/v1/setup",
            "/api/internal/v1/enrol",
            "/api/internal/v1/recorders/x/status",
            "/idp/connect/revocation",
            "/%ff%00//%2e%2e/",
        ]
        for number in range(500):
            body = json.dumps(nonsense(chance)).encode() if number % 3 else chance.randbytes(50)
            if number % 50 == 0:
                body = b"[" * 100_000
            method = chance.choice(["POST", "PUT", "PATCH", "GET"])
            answer = server.send(method, chance.choice(paths), token, data=body)
            assert answer.status_code < 500, (number, method, answer.url, body[:200], answer.text)
            assert isinstance(answer.json(), dict)
        too_large = server.rest("PATCH", f"cameras/{camera_id}", token, data=b"x" * 2_000_000)
        assert too_large.status_code == 413
        assert (
            server.grant(
                grant_type="password", username="x' OR '1'='1", password="\x00\ud7ff", client_id="VmsClient"
            ).status_code
            == 400
        )
        assert len(client.cameras()) >= 1
        client.sign_in("admin", PASSWORD)
