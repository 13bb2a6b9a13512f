"""Notes every change of a configuration item with its values before and after, from the rows that a transaction writes.

So nothing that changes the configuration can forget to say so, and what is noted is committed with the change or not
at all. Of secrets it says only that they changed.
"""

import json
from typing import Any

from pydantic import JsonValue
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from common.api.audit import PropertyChange
from common.model.kinds import BY_PLURAL
from server.management.database.identity_tables import RoleMemberRow
from server.management.database.store import ConfigurationSession, Database
from server.management.database.tables import AccountRow, ItemRow, MembershipRow
from server.runtime.audit_trail import AuditTrail

_HIDDEN = "***"
_MOST_CHARS = 500


def note_row_changes(database: Database, trail: AuditTrail) -> None:
    """Have every writing transaction of `database` tell `trail` what it changes."""

    def flushing(session: Session, *_: object) -> None:
        if database.open_transaction() is session:
            _note(session, trail)

    event.listen(ConfigurationSession, "before_flush", flushing)
    database.on_close(lambda: event.remove(ConfigurationSession, "before_flush", flushing))


def _note(session: Session, trail: AuditTrail) -> None:
    for row in session.new:
        if isinstance(row, ItemRow):
            _item(trail, "created", row, before=None, after=row.properties, secrets=bool(row.secrets))
        elif isinstance(row, MembershipRow | RoleMemberRow):
            _member(trail, "role member added", row)
    for row in session.dirty:
        if isinstance(row, ItemRow):
            before = previous(row, "properties") or row.properties
            secrets = previous(row, "secrets") is not None
            _item(trail, "changed", row, before=before, after=row.properties, secrets=secrets)
        elif isinstance(row, AccountRow) and previous(row, "password_hash") is not None:
            trail.say("configuration", "password set", item=f"basicUsers/{row.user_id}")
    for row in session.deleted:
        if isinstance(row, ItemRow):
            _item(trail, "deleted", row, before=row.properties, after=None, secrets=False)
        elif isinstance(row, MembershipRow | RoleMemberRow):
            _member(trail, "role member removed", row)


def _item(
    trail: AuditTrail, action: str, row: ItemRow, *, before: str | None, after: str | None, secrets: bool
) -> None:
    then, now = _read(before), _read(after)
    changes = [
        PropertyChange(property=name[:100], before=_short(then.get(name)), after=_short(now.get(name)))
        for name in sorted(then | now)
        if then.get(name) != now.get(name)
    ]
    if secrets:
        changes.append(PropertyChange(property="secrets", before=_HIDDEN, after=_HIDDEN))
    if not changes:
        return
    name = str((now or then).get("name", ""))
    trail.change(action, _path(row), name, changes)


def _path(row: ItemRow) -> str:
    """Return an item's path in the API, where what an item has one of goes by that item's id."""
    model = BY_PLURAL.get(row.kind)
    single = model is not None and model.kind.single
    return f"{row.kind}/{row.parent_id if single else row.id}"


def _member(trail: AuditTrail, action: str, row: MembershipRow | RoleMemberRow) -> None:
    member = row.user_id if isinstance(row, MembershipRow) else f"{row.account_name} ({row.external_id})"
    trail.say("configuration", action, item=f"roles/{row.role_id}", member=member)


def previous(row: Any, column: str) -> Any:
    """Return what a column of a row held before this transaction, None when it does not change."""
    history = inspect(row).attrs[column].history
    if not history.has_changes():
        return None
    return history.deleted[0] if history.deleted and history.deleted[0] is not None else b""


def _read(text: str | bytes | None) -> dict[str, JsonValue]:
    if not text:
        return {}
    read = json.loads(text)
    return read if isinstance(read, dict) else {}


def _short(value: JsonValue) -> JsonValue:
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."
