"""A real OpenID Connect provider over TLS (`oidc-provider-mock`, built on Authlib), in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from common.net.certificates import create_authority, issue_certificate


@dataclass(frozen=True)
class OidcProvider:
    """`authority` is its issuer; users are made by `put_user`."""

    authority: str
    ca_pem: str
    ca_file: Path

    def put_user(self, subject: str, **claims: object) -> None:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.put(f"{self.authority}/users/{subject}", json=claims, verify=str(self.ca_file), timeout=10)
            answer.raise_for_status()


@contextmanager
def oidc_provider(folder: Path) -> Iterator[OidcProvider]:
    """Run a provider on a free port; it ends with its standard input."""
    folder.mkdir(parents=True)
    authority = create_authority("provider")
    issue_certificate(authority, ["localhost", "127.0.0.1"]).write(folder / "cert.pem", folder / "key.pem")
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    command = [sys.executable, "-W", "ignore", "-c", _SERVE, str(folder / "cert.pem"), str(folder / "key.pem")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port = process.stdout.readline().decode().strip()
        assert port, (folder / "log").read_text()[-2000:]
        yield OidcProvider(f"https://localhost:{port}", authority.certificate_pem.decode(), folder / "ca.pem")
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


_SERVE = """
import sys, threading
from oidc_provider_mock import app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, app(require_nonce=True), threaded=True, ssl_context=tuple(sys.argv[1:3]))
print(server.port, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
server.serve_forever(poll_interval=0.05)
"""
