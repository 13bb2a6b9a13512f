"""The exports that a user has ordered from this computer, remembered over restarts: one JSON file.

No password is in it: the recorder keeps that for as long as the job runs.
"""

import json
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.foundation.errors import StorageError

log = logging.getLogger(__name__)

MOST_ORDERS = 200


class OrderPart(BaseModel):
    """A job of one recorder. `fetched`: all its files are in the folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    recorder: str
    job: str
    fetched: bool = False


class Order(BaseModel):
    """What was ordered: where it goes, and the recorders' jobs for it. `held`: its download is paused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    folder: str
    format: str
    created_us: int
    server: str
    user: str
    parts: Annotated[tuple[OrderPart, ...], Field(min_length=1, max_length=256)]
    held: bool = False

    @property
    def fetched(self) -> bool:
        return all(part.fetched for part in self.parts)


class OrderBook:
    """Reads and writes the file; call it off the GUI thread."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or user_data_path("vedette", appauthor=False) / "smartclient-exports.json"
        self._lock = threading.Lock()

    def of(self, server: str, user: str) -> list[Order]:
        """Return a user's orders, oldest first."""
        with self._lock:
            return [order for order in self._all() if (order.server, order.user) == (server, user)]

    def put(self, server: str, user: str, orders: Sequence[Order]) -> None:
        """Replace a user's orders; raise StorageError."""
        with self._lock:
            others = [order for order in self._all() if (order.server, order.user) != (server, user)]
            kept = [order.model_dump(mode="json") for order in [*others, *orders][-MOST_ORDERS:]]
            scratch = self._file.with_suffix(f".{os.getpid()}.tmp")
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                scratch.write_text(json.dumps(kept, indent=1), encoding="utf-8")
                os.replace(scratch, self._file)
            except OSError as failed:
                raise StorageError(failed.strerror or str(failed), path=str(self._file)) from failed

    def _all(self) -> list[Order]:
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
            return [Order.model_validate(row) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, ValidationError) as error:
            log.warning("list of exports unreadable", extra={"path": str(self._file), "cause": str(error)})
            return []
