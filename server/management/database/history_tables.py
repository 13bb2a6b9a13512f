"""The table of configuration changes: every version that an item has had."""

from sqlalchemy import BigInteger, Boolean, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.management.database.tables import Base


class ItemChangeRow(Base):
    """A change of one item, numbered in their order. `change_set` is one transaction's.

    `item_id` is the item's id in the API, `row_id` that of its row. `before` and `after` are properties as in ItemRow;
    `secrets` are the item's sealed secrets after the change (of a deleted item: before).
    """

    __tablename__ = "item_changes"
    __table_args__ = (Index("item_changes_by_item", "item_id", "number"), Index("item_changes_by_set", "change_set"))
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    change_set: Mapped[str] = mapped_column(String(36))
    item_id: Mapped[str] = mapped_column(String(36))
    row_id: Mapped[str] = mapped_column(String(36))
    parent_id: Mapped[str | None] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(BigInteger)
    at_us: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[str] = mapped_column(String(64))
    user_name: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(64))
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    secrets: Mapped[bytes | None] = mapped_column(LargeBinary)
    secrets_changed: Mapped[bool] = mapped_column(Boolean)
