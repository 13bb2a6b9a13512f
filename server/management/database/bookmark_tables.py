"""The table of bookmarks: notes on a time of a camera's recordings."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.management.database.tables import Base


class BookmarkRow(Base):
    """A bookmark; it goes with its device. Times are UTC microseconds; `triggered_us` is the moment that is meant."""

    __tablename__ = "bookmarks"
    __table_args__ = (Index("bookmarks_by_device", "device_id", "begin_us"), Index("bookmarks_by_time", "begin_us"))
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"))
    header: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(String(64))
    begin_us: Mapped[int] = mapped_column(BigInteger)
    triggered_us: Mapped[int] = mapped_column(BigInteger)
    end_us: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[str] = mapped_column(String(255))
    user_name: Mapped[str] = mapped_column(String(512))
    created_us: Mapped[int] = mapped_column(BigInteger)
    modified_us: Mapped[int] = mapped_column(BigInteger)
