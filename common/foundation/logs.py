"""Logs: sentences on stderr for a person, JSON lines in a rotating file for machines, and never a password.

Code logs a fixed event text plus fields: `log.warning("device lost", extra={"camera_id": camera.id})`.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from common.foundation.clock import US_PER_S, Clock, UtcUs, iso_utc

FILE_LIMIT_BYTES = 10_000_000
FILES_KEPT = 5
STDERR_LEVEL = "VEDETTE_STDERR_LEVEL"
"""Environment variable: what is worth showing on stderr; daemons and their own children inherit it."""

_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|authori[sz]ation|cookie|private|credential|setup_code|\bpwd\b", re.I
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@?#'\"]*@")
_NAMED_SECRET = re.compile(
    r"(?i)\b(bearer\s+|basic\s+|(?:access_|refresh_)?token=|password=|client_secret=|code=)[^\s&'\",;]+"
)


def without_secrets(text: str) -> str:
    """Return `text` with user names and passwords of URLs, bearer tokens and `password=...` blacked out."""
    return _NAMED_SECRET.sub(r"\1***", _URL_CREDENTIALS.sub("***@", text))


def safe_value(name: str, value: object) -> object:
    """Return a field as it may be told: without what its name or its text give away as a secret."""
    if _SECRET_NAME.search(name):
        return "***"
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): safe_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [safe_value("", inner) for inner in value]
    return without_secrets(str(value))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: safe_value(name, value) for name, value in vars(record).items() if name not in _OWN_ATTRIBUTES}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return without_secrets(formatter.formatException(record.exc_info)) if record.exc_info else ""


def _at(record: logging.LogRecord) -> str:
    return iso_utc(UtcUs(int(record.created * US_PER_S)))


class HumanFormatter(logging.Formatter):
    """One line a person reads: time, level, daemon, text, fields."""

    def __init__(self, daemon: str) -> None:
        super().__init__()
        self._daemon = daemon

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_at(record)} {record.levelname.lower():<7} {self._daemon}: {without_secrets(record.getMessage())}"
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        trace = _trace(self, record)
        return line + (f"  {fields}" if fields else "") + (f"\n{trace}" if trace else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `daemon`, `room` (the logger), `event`, then the fields."""

    def __init__(self, daemon: str) -> None:
        super().__init__()
        self._daemon = daemon

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "daemon": self._daemon,
            "room": record.name,
            "event": without_secrets(record.getMessage()),
        }
        for name, value in _fields(record).items():
            line.setdefault(name, value)
        if trace := _trace(self, record):
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=False, default=str)


def log_file(data: Path, daemon: str) -> Path:
    """Return where a daemon's JSON lines are."""
    return data / "logs" / f"{daemon}.log"


@contextmanager
def logging_to(
    daemon: str, data: Path | None, level: str = "INFO", stderr: TextIO | None = None, stderr_level: str = ""
) -> Iterator[None]:
    """Send this process's logs to stderr and, with `data`, to `<data>/logs/<daemon>.log`; undone on leaving.

    Nothing below `level` is logged, and nothing below `stderr_level` (else the variable VEDETTE_STDERR_LEVEL) is shown
    on stderr.

    Two processes must not rotate one file: give each its own `daemon` name (`recording-engine-0`).
    """
    root = logging.getLogger()
    handlers: list[logging.Handler] = [logging.StreamHandler(stderr or sys.stderr)]
    handlers[0].setFormatter(HumanFormatter(daemon))
    handlers[0].setLevel((stderr_level or os.environ.get(STDERR_LEVEL) or "DEBUG").upper())
    if data is not None:
        path = log_file(data, daemon)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        to_file = RotatingFileHandler(path, maxBytes=FILE_LIMIT_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
        to_file.setFormatter(JsonFormatter(daemon))
        handlers.append(to_file)
    before = root.level
    root.setLevel(level.upper())
    for handler in handlers:
        root.addHandler(handler)
    quiet = {name: logging.getLogger(name).level for name in ("httpx", "httpcore")}
    for name in quiet:  # they log every request at INFO
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(before)
        for name, was in quiet.items():
            logging.getLogger(name).setLevel(was)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


class RepeatingFault:
    """Logs a fault when it starts and when it ends, with how often it came in between; never each time.

    `still_s`: while it lasts, one reminder at most that often.
    """

    def __init__(self, log: logging.Logger, event: str, clock: Clock, still_s: float = 600.0, **fields: object) -> None:
        self._log = log
        self._event = event
        self._clock = clock
        self._still_s = still_s
        self._fields = fields
        self._count = 0
        self._since_s = 0.0
        self._told_s = 0.0

    @property
    def count(self) -> int:
        """How often it came since it started; 0 when all is well."""
        return self._count

    def happened(self, cause: object = "") -> None:
        """Note one more occurrence."""
        now_s = self._clock.monotonic_s()
        self._count += 1
        extra = {**self._fields, "cause": str(cause)}
        if self._count == 1:
            self._since_s = self._told_s = now_s
            self._log.warning(self._event, extra=extra)
        elif now_s - self._told_s >= self._still_s:
            self._told_s = now_s
            self._log.warning("%s, still", self._event, extra={**extra, "count": self._count})

    def ended(self) -> None:
        """Note that it works again; does nothing when there was no fault."""
        if self._count:
            lasted_s = round(self._clock.monotonic_s() - self._since_s, 3)
            self._log.info("%s, over", self._event, extra={**self._fields, "count": self._count, "lasted_s": lasted_s})
            self._count = 0
