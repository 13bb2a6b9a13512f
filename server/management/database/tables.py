"""The configuration database's tables (see `migrations` for how they come to be).

All configuration items share one table: their properties are validated by their declarations in `common.model` and
kept as JSON, so that a new kind of item or a new property needs no new table. Secrets are kept apart, encrypted.
Times are whole microseconds, or seconds where the name says so, since 1970 UTC.
"""

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables."""


class ItemRow(Base):
    """A configuration item; `version` rises with each change of it (optimistic locking)."""

    __tablename__ = "items"
    __table_args__ = (Index("items_by_parent", "kind", "parent_id"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), index=True)
    version: Mapped[int] = mapped_column(BigInteger)
    created_us: Mapped[int] = mapped_column(BigInteger)
    modified_us: Mapped[int] = mapped_column(BigInteger)
    properties: Mapped[str] = mapped_column(Text)
    secrets: Mapped[bytes | None] = mapped_column(LargeBinary)


class StateRow(Base):
    """Single values of the whole site: `site_id`, `issuer`, `configuration_version`."""

    __tablename__ = "state"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class AccountRow(Base):
    """How a basic user signs in; `name_key` is the name as compared (case-folded)."""

    __tablename__ = "accounts"
    user_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    name_key: Mapped[str] = mapped_column(String(512), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    changed_s: Mapped[int] = mapped_column(BigInteger, default=0)


class MembershipRow(Base):
    """A user is in a role."""

    __tablename__ = "memberships"
    role_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)


class PermissionRow(Base):
    """What a role is allowed and denied on an item, as bits of a namespace (`common.model.permissions`).

    `item_id` empty: all items of the namespace; `profile_id` empty: always. Rows of roles and items that are gone mean
    nothing, since ids are never used again.
    """

    __tablename__ = "permissions"
    role_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    namespace: Mapped[str] = mapped_column(String(36), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    profile_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    allow: Mapped[int] = mapped_column(BigInteger)
    deny: Mapped[int] = mapped_column(BigInteger)


class SessionRow(Base):
    """A signed-in client. Refresh tokens are kept as hashes; the one before the newest is known to notice theft."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36), index=True)
    client_id: Mapped[str] = mapped_column(String(64))
    refresh_hash: Mapped[str] = mapped_column(String(64))
    previous_hash: Mapped[str] = mapped_column(String(64))
    rotated_s: Mapped[int] = mapped_column(BigInteger)
    expires_s: Mapped[int] = mapped_column(BigInteger)


class AccessTokenRow(Base):
    """An access token that has not expired; recorders are told the revoked ones."""

    __tablename__ = "access_tokens"
    jti: Mapped[str] = mapped_column(String(36), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(36), index=True)
    user_id: Mapped[str] = mapped_column(String(36), index=True)
    expires_s: Mapped[int] = mapped_column(BigInteger)
    revoked: Mapped[bool] = mapped_column(Boolean)


class SigningKeyRow(Base):
    """A key that access tokens are signed with; encrypted."""

    __tablename__ = "signing_keys"
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_s: Mapped[int] = mapped_column(BigInteger)
    private_key: Mapped[bytes] = mapped_column(LargeBinary)


class DaemonRow(Base):
    """A daemon that enrolled; its id is that of its item."""

    __tablename__ = "daemons"
    id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    secret_hash: Mapped[str] = mapped_column(String(64))
    hosts: Mapped[str] = mapped_column(Text)


class EnrolmentTokenRow(Base):
    """A one-time permission to enrol."""

    __tablename__ = "enrolment_tokens"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_s: Mapped[int] = mapped_column(BigInteger)
