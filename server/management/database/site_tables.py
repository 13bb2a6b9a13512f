"""Tables of the site as a whole: who serves it, and what was done on it."""

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.management.database.tables import Base


class LeaseRow(Base):
    """Which process serves. `beat` rises every second while it lives; `generation` rises with each change of hands."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger)
    beat: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(255))


class FenceRow(Base):
    """What each writing transaction passes: it counts only for the generation that serves now."""

    __tablename__ = "fence"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger)
    last_write: Mapped[str] = mapped_column(String(36))


class AuditRow(Base):
    """One entry of the audit log (`common.api.audit`); `body` is the entry, the columns beside it are for searching.

    `hash` is over `sequence`, `previous_hash` and `body`, with a key that is not in the database.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("audit_entries_by_time", "at_us"),
        Index("audit_entries_by_user", "user_key", "sequence"),
        Index("audit_entries_by_item", "item_id", "sequence"),
    )
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    at_us: Mapped[int] = mapped_column(BigInteger)
    category: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    user_key: Mapped[str] = mapped_column(String(255))
    item_id: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
