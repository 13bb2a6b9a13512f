"""Which recorders are alive, and where viewers find them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from common.api.storage_status import StageStatus

ALIVE_S = 30.0  # three reports missed


@dataclass(frozen=True, slots=True)
class _Report:
    at_s: float
    same_machine: bool
    storages: tuple[StageStatus, ...] = ()


class RecorderStatuses:
    """The newest report of each recorder, in memory; as many as there are recorders. Any thread."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._reports: dict[str, _Report] = {}

    def reported(self, recorder_id: str, same_machine: bool, storages: tuple[StageStatus, ...] = ()) -> None:
        """Note a report; `same_machine`: it came from the machine that this server runs on."""
        with self._lock:
            self._reports[recorder_id] = _Report(self._monotonic_s(), same_machine, storages)

    def forget(self, recorder_id: str) -> None:
        with self._lock:
            self._reports.pop(recorder_id, None)

    def is_online(self, recorder_id: str) -> bool:
        with self._lock:
            report = self._reports.get(recorder_id)
            return report is not None and self._monotonic_s() - report.at_s <= ALIVE_S

    def stage(self, identifier: str) -> StageStatus | None:
        """Return what was last said of a storage or archive; of a recorder that is gone, that it is not available."""
        with self._lock:
            for report in self._reports.values():
                for status in report.storages:
                    if status.id == identifier:
                        alive = self._monotonic_s() - report.at_s <= ALIVE_S
                        return status if alive else status.model_copy(update={"available": False})
        return None

    def online(self) -> frozenset[str]:
        """Return the ids of the recorders that are alive."""
        with self._lock:
            oldest_s = self._monotonic_s() - ALIVE_S
            return frozenset(one for one, report in self._reports.items() if report.at_s >= oldest_s)

    def is_on_this_machine(self, recorder_id: str) -> bool:
        with self._lock:
            report = self._reports.get(recorder_id)
            return report is not None and report.same_machine
