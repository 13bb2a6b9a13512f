"""Turns a daemon's audit lines into entries of the audit log, and puts them into its outbox.

A daemon says what was done with `logging.getLogger("server.<daemon>.audit")`: level INFO for what succeeded, WARNING
for what was refused, the particulars as fields. So an audit line stands in the daemon's log and in the audit log alike.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import JsonValue

from common.api.audit import AuditEntry, Category, Outcome, PropertyChange
from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.ids import new_id
from common.foundation.logs import safe_value
from server.runtime.outbox import Outbox

log = logging.getLogger(__name__)

_MOST_WAITING = 10_000  # in memory, for the moment that the disk takes
_AT_ONCE = 500
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_KNOWN = frozenset({"user", "user_id", "address", "client", "item", "item_name", "category", "action"})
_ITEM_FIELDS = {"recorder_id": "recordingServers", "device": "devices", "job": "exports", "lock": "evidenceLocks"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who does what is being done, and from where."""

    user: str = ""
    user_id: str = ""
    address: str = ""
    client: str = ""


_ITSELF = Origin(user="system")
ORIGIN: ContextVar[Origin] = ContextVar("origin", default=_ITSELF)
"""Set by whoever accepts a request; work handed to threads sees it too."""


def signed_in_as(user: str, user_id: str) -> None:
    """The request at hand is this user's."""
    ORIGIN.set(replace(ORIGIN.get(), user=user, user_id=user_id))


class Transactions(Protocol):
    """Takes entries into the transaction that is open in this thread, if one is."""

    def join(self, entry: AuditEntry) -> bool: ...


class AuditTrail:
    """A daemon's way into the audit log; `note` may be called from any thread and never waits."""

    def __init__(self, outbox: Outbox, clock: Clock, transactions: Transactions | None = None) -> None:
        self._outbox = outbox
        self._clock = clock
        self._transactions = transactions
        self._waiting: queue.Queue[AuditEntry | None] = queue.Queue(_MOST_WAITING)
        self._dropped = 0
        self._on_stored: list[Callable[[], None]] = []

    def on_stored(self, listener: Callable[[], None]) -> None:
        """Call `listener`, in a thread of ours, when there is something to deliver."""
        self._on_stored.append(listener)

    def note(self, entry: AuditEntry) -> None:
        """Have an entry delivered. What was refused counts also when the transaction around it is undone."""
        if entry.outcome == "succeeded" and self._transactions is not None and self._transactions.join(entry):
            return
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            self._dropped += 1

    def say(self, category: Category, action: str, outcome: Outcome = "succeeded", **fields: JsonValue) -> None:
        """Note something done by whoever the request at hand is from."""
        self.note(entry_of(self._clock, category, action, outcome, fields))

    def change(self, action: str, item: str, item_name: str, changes: Sequence[PropertyChange]) -> None:
        """Note a change of the configuration, made by whoever the request at hand is from."""
        fields: dict[str, JsonValue] = {"item": item, "item_name": item_name}
        entry = entry_of(self._clock, "configuration", action, "succeeded", fields)
        self.note(entry.model_copy(update={"changes": tuple(changes[:500])}))

    @contextmanager
    def running(self, logger: str) -> Iterator[None]:
        """Store what is noted, and what is logged with `logger`, until left; then everything is on disk."""
        thread = threading.Thread(target=self._store, name="audit")
        handler = _AuditHandler(self, self._clock)
        source = logging.getLogger(logger)
        before = source.level
        thread.start()
        source.addHandler(handler)
        source.setLevel(logging.INFO)
        try:
            yield
        finally:
            source.setLevel(before)
            source.removeHandler(handler)
            self._waiting.put(None)
            thread.join()

    def _store(self) -> None:
        ended = False
        while not ended:
            entries = [self._waiting.get()]
            while len(entries) < _AT_ONCE:
                try:
                    entries.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            ended = None in entries
            self._keep([entry for entry in entries if entry is not None])

    def _keep(self, entries: list[AuditEntry]) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            entries.append(entry_of(self._clock, "system", "audit entries lost", "failed", {"count": dropped}))
        try:
            refused = self._outbox.put((entry.id, entry.model_dump_json()) for entry in entries)
        except VmsError as failed:
            self._dropped += len(entries)
            log.error("audit entries not kept", extra={"reason": str(failed), "entries": len(entries)})
            return
        if refused:
            self._dropped += refused
            log.error("audit outbox is full", extra={"entries": refused})
        for listener in self._on_stored:
            listener()


class _AuditHandler(logging.Handler):
    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._trail = trail
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message in IN_ROWS:
            return
        fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        outcome: Outcome = "refused" if record.levelno >= logging.WARNING else "succeeded"
        self._trail.note(entry_of(self._clock, _category(message), message, outcome, fields))


IN_ROWS = frozenset({"configuration created", "configuration changed", "configuration deleted"})
"""Lines about what the audit log has from the rows themselves, with values before and after."""

_CATEGORIES: tuple[tuple[str, Category], ...] = (
    ("sign", "sign_in"),
    ("refresh token", "sign_in"),
    ("authori", "sign_in"),
    ("second factor", "sign_in"),
    ("set-up", "sign_in"),
    ("refused", "refusal"),
    ("export", "export"),
    ("live", "live"),
    ("playback", "playback"),
    ("lock", "evidence_lock"),
    ("evidence", "evidence_lock"),
    ("recording started", "recording"),
    ("recording stopped", "recording"),
)


def _category(message: str) -> Category:
    return next((category for start, category in _CATEGORIES if message.startswith(start)), "configuration")


def entry_of(
    clock: Clock, category: Category, action: str, outcome: Outcome, fields: dict[str, JsonValue]
) -> AuditEntry:
    """Make an entry of fields as they are logged; those with a place of their own go there, the rest are details."""
    origin = ORIGIN.get()
    known = {name: str(fields[name]) for name in _KNOWN & set(fields)}
    item = known.get("item", "")
    if not item:
        item = next((f"{kind}/{fields[name]}" for name, kind in _ITEM_FIELDS.items() if fields.get(name)), "")
    details = {
        name[:64]: _plain(safe_value(name, value)) for name, value in list(fields.items())[:32] if name not in _KNOWN
    }
    same = "user" not in known or known["user"] == origin.user
    return AuditEntry(
        id=new_id(),
        at_us=clock.now_us(),
        category=category,
        action=action[:64],
        outcome=outcome,
        user=known.get("user", origin.user)[:255],
        user_id=known.get("user_id", origin.user_id if same else "")[:64],
        address=known.get("address", origin.address)[:64],
        client=known.get("client", origin.client)[:200],
        item=item[:128],
        item_name=known.get("item_name", "")[:255],
        details=details,
    )


def _plain(value: object) -> JsonValue:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [str(each)[:200] for each in list(value)[:100]]
    if isinstance(value, Mapping):
        return {str(name)[:64]: _plain(inner) for name, inner in list(value.items())[:32]}
    return str(value)[:500]
