"""A private PostgreSQL server: throw-away data, a free port and a Unix socket, scram passwords, TLS; gone afterwards.

PostgreSQL does not run as root; as root it runs as user postgres, as Debian's package has it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from common.net.certificates import create_authority, issue_certificate

PASSWORD = "s3cret of vms"


def binaries() -> Path | None:
    """Return the folder of Debian's newest server programs, or where the PATH has them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server that can be stopped, killed, paused and started again on its port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self._data = folder / "data"
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def create(self) -> None:
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        password = self.folder / "superuser"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", f"--pwfile={password}", "-A", "scram-sha-256",
                  "-E", "UTF8", "--locale=C.UTF-8", "-N")  # fmt: skip
        authority = create_authority("PostgreSQL")
        issue_certificate(authority, ["127.0.0.1", "localhost"]).write(
            self.folder / "server.crt", self.folder / "server.key"
        )
        self.ca_file.write_bytes(authority.certificate_pem)
        for name in ("server.crt", "server.key"):
            if self._user is not None:
                os.chown(self.folder / name, self._user.pw_uid, self._user.pw_gid)
            (self.folder / name).chmod(0o600)
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                f"ssl = on\nssl_cert_file = '{self.folder}/server.crt'\nssl_key_file = '{self.folder}/server.key'\n"
                "shared_buffers = 16MB\nmax_connections = 120\nsynchronous_commit = on\nfsync = off\n"
            )

    def start(self) -> None:
        binary = binaries()
        assert binary is not None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary / "postgres"), "-D", str(self._data)],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
                **self._as_user(),
            )
        for _ in range(600):
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.conninfo("postgres", "postgres"), connect_timeout=5).close()
                return
            if self._process.poll() is not None:
                break
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT breaks connections off (a fast shutdown), SIGQUIT leaves it to recover at its next start."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def new_database(self) -> str:
        """Create an empty database and return its name."""
        self._databases += 1
        name = f"vms{self._databases}"
        with psycopg.connect(self.conninfo("postgres", "postgres"), autocommit=True) as connection:
            if self._databases == 1:
                connection.execute(f"CREATE ROLE vms LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE DATABASE {name} OWNER vms")
        return name

    def conninfo(self, database: str, user: str = "vms") -> str:
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user} password='{PASSWORD}'"

    def url(self, database: str, port: int | None = None) -> str:
        """Return a `database_url` over TCP with TLS, without the password."""
        return f"postgresql://vms@127.0.0.1:{port or self.port}/{database}?tls=verify&ca_file={self.ca_file}"

    def settings(self, port: int | None = None) -> dict[str, object]:
        """Return management's settings for a fresh database."""
        return {"database_url": self.url(self.new_database(), port), "database_password": PASSWORD}

    def _run(self, program: str, *arguments: str) -> None:
        binary = binaries()
        assert binary is not None
        done = subprocess.run(
            [str(binary / program), *arguments], capture_output=True, text=True, cwd=self.folder, **self._as_user()
        )
        assert done.returncode == 0, done.stderr

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server while inside; skips the test where there is none."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="vedette-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder), port)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
