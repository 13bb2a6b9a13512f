"""Long tasks: begun by a request, polled at `/tasks/{id}`, forgotten on TaskCleanup."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from common.foundation.errors import VmsError

log = logging.getLogger(__name__)

MOST_TASKS = 1000  # the oldest finished one is forgotten beyond that


class TooManyTasks(VmsError):
    """More tasks at work than we take on."""

    message_key = "error.too_many_tasks"
    retryable = True


@dataclass(slots=True)
class LongTask:
    """One task and how far it is. `made`: what it created."""

    id: str
    owner_id: str
    name: str
    state: str = "Idle"  # Idle, InProgress, Success, Error
    progress: int = 0
    error_text: str = ""
    error_property: str = ""
    made: dict[str, str] = field(default_factory=dict)
    running: asyncio.Task[None] | None = None


class LongTasks:
    """Owned by the server's task group; used on the event loop only."""

    def __init__(self, group: asyncio.TaskGroup, explain: Callable[[VmsError], tuple[str, str]]) -> None:
        """`explain` gives the property and the sentence for a failure."""
        self._group = group
        self._explain = explain
        self._tasks: OrderedDict[str, LongTask] = OrderedDict()
        self._last = 0

    def start(self, name: str, owner_id: str, work: Coroutine[Any, Any, tuple[str, str]]) -> LongTask:
        """Begin `work`, which returns the kind and id of what it made; raise TooManyTasks."""
        if len(self._tasks) >= MOST_TASKS:
            done = next((each for each in self._tasks.values() if each.state in ("Success", "Error")), None)
            if done is None:
                work.close()
                raise TooManyTasks(f"{MOST_TASKS} tasks are running")
            del self._tasks[done.id]
        self._last += 1
        task = LongTask(str(self._last), owner_id, name)
        self._tasks[task.id] = task
        task.running = self._group.create_task(self._run(task, work), name=f"task {task.id} {name}")
        return task

    def get(self, identifier: str) -> LongTask | None:
        return self._tasks.get(identifier)

    def all(self) -> list[LongTask]:
        return list(self._tasks.values())

    def stop(self, task: LongTask) -> None:
        if task.running is not None:
            task.running.cancel()

    def stop_all(self) -> None:
        for task in self._tasks.values():
            self.stop(task)

    def clean_up(self, task: LongTask) -> None:
        self.stop(task)
        self._tasks.pop(task.id, None)

    async def _run(self, task: LongTask, work: Coroutine[Any, Any, tuple[str, str]]) -> None:
        task.state = "InProgress"
        try:
            kind, identifier = await work
        except asyncio.CancelledError:
            task.state, task.error_text = "Error", "The task was stopped."
            raise
        except VmsError as error:
            task.error_property, task.error_text = self._explain(error)
            task.state = "Error"
        except Exception:
            log.exception("task failed", extra={"task": task.name})
            task.state, task.error_text = "Error", "The server could not do this; its log says why."
        else:
            task.made = {"type": kind, "id": identifier}
            task.state, task.progress = "Success", 100
