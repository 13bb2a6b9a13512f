"""Logs: readable twice, and never a password."""

import io
import json
import logging
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from common.foundation.logs import RepeatingFault, log_file, logging_to, without_secrets

log = logging.getLogger("tests.logs")


class HandClock:
    """Time moved by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_us(self) -> UtcUs:
        return UtcUs(int(self.at_s * 1_000_000))

    def monotonic_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


def written(tmp_path: Path, said: io.StringIO) -> tuple[str, list[dict[str, object]]]:
    lines = log_file(tmp_path, "recording").read_text().splitlines()
    return said.getvalue(), [json.loads(line) for line in lines]


def test_one_event_is_a_sentence_on_stderr_and_json_in_the_file(tmp_path: Path) -> None:
    said = io.StringIO()
    with logging_to("recording", tmp_path, stderr=said):
        log.warning("device lost", extra={"camera_id": "c1", "gap_us": 5})
    human, lines = written(tmp_path, said)
    assert "warning recording: device lost  camera_id=c1 gap_us=5" in human
    assert lines[0] | {"at": ""} == {
        "at": "",
        "level": "warning",
        "daemon": "recording",
        "room": "tests.logs",
        "event": "device lost",
        "camera_id": "c1",
        "gap_us": 5,
    }


def test_no_secret_reaches_a_log(tmp_path: Path) -> None:
    said = io.StringIO()
    with logging_to("recording", tmp_path, stderr=said):
        log.info("at rtsp://root:geheim@10.0.0.1/x", extra={"password": "geheim", "url": "rtsp://u:geheim@h/"})
        log.info("nested", extra={"causes": [{"client_secret": "geheim", "at": "https://a:geheim@b"}]})
        try:
            raise ValueError("rtsp://u:geheim@h/ with Authorization: Bearer geheim")
        except ValueError:
            log.exception("failed")
    human, lines = written(tmp_path, said)
    assert "geheim" not in human
    assert "geheim" not in json.dumps(lines)
    assert "rtsp://***@10.0.0.1/x" in human


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("rtsp://user:p%40ss@host:554/x?a=b", "rtsp://***@host:554/x?a=b"),
        ("https://host/path@2x.png", "https://host/path@2x.png"),
        ("GET /x?access_token=abc&y=1", "GET /x?access_token=***&y=1"),
        ("mail a@b.example", "mail a@b.example"),
    ],
)
def test_only_secrets_are_blacked_out(text: str, left: str) -> None:
    assert without_secrets(text) == left


def test_a_repeating_fault_tells_its_start_and_end_and_how_often(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = HandClock()
    fault = RepeatingFault(log, "disk full", clock, still_s=100.0, path="/srv")
    fault.ended()
    for _ in range(30):
        fault.happened("no space")
        clock.at_s += 1
    fault.ended()
    assert [record.getMessage() for record in caplog.records] == ["disk full", "disk full, over"]
    assert vars(caplog.records[1])["count"] == 30
    assert vars(caplog.records[1])["lasted_s"] == 30.0
    assert fault.count == 0


def test_a_long_fault_is_mentioned_again_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    fault = RepeatingFault(log, "disk full", clock, still_s=100.0)
    for _ in range(250):
        fault.happened()
        clock.at_s += 1
    assert [record.getMessage() for record in caplog.records] == ["disk full", "disk full, still", "disk full, still"]
