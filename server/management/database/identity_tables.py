"""The tables of identity beside accounts and sessions: earlier passwords, second factors, users from elsewhere.

Times are seconds since 1970 UTC. A user id is that of a basic user's item or of an `ExternalUserRow`.
"""

from sqlalchemy import BigInteger, Boolean, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.management.database.tables import Base


class EarlierPasswordRow(Base):
    """A password that a basic user had, so that it is not taken again."""

    __tablename__ = "earlier_passwords"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), index=True)
    password_hash: Mapped[str] = mapped_column(Text)
    until_s: Mapped[int] = mapped_column(BigInteger)


class SecondFactorRow(Base):
    """A user's time-based codes (RFC 6238). `last_step`: the newest step that a code was accepted for."""

    __tablename__ = "second_factors"
    user_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # sealed
    confirmed: Mapped[bool] = mapped_column(Boolean)
    last_step: Mapped[int] = mapped_column(BigInteger)


class RecoveryCodeRow(Base):
    """A code that stands in for the second factor once; removed when used."""

    __tablename__ = "recovery_codes"
    user_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class AuthorizationCodeRow(Base):
    """A code of the authorization code grant that was not redeemed yet; `session_id` once it was."""

    __tablename__ = "authorization_codes"
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36), index=True)
    client_id: Mapped[str] = mapped_column(String(64))
    redirect_uri: Mapped[str] = mapped_column(Text)
    challenge: Mapped[str] = mapped_column(String(128))
    nonce: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    session_id: Mapped[str] = mapped_column(String(36))
    expires_s: Mapped[int] = mapped_column(BigInteger)


class ExternalUserRow(Base):
    """Somebody who signed in through a directory or login provider.

    `source_id` is that item; `subject` what never changes about the user there. `groups` is a JSON list: ids of the
    user and of all groups it is in, or `claim=value` of a provider. `cached_hash`: see `allowCachedSignIn`.
    """

    __tablename__ = "external_users"
    __table_args__ = (UniqueConstraint("source_id", "subject", name="external_users_by_subject"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    name_key: Mapped[str] = mapped_column(String(255), index=True)
    groups: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    checked_s: Mapped[int] = mapped_column(BigInteger)
    cached_hash: Mapped[str] = mapped_column(Text)


class RoleMemberRow(Base):
    """A user or group of a directory that is in a role; `external_id` is its SID or `entryUUID`."""

    __tablename__ = "role_members"
    role_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    external_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(36), index=True)
    is_group: Mapped[bool] = mapped_column(Boolean)
    account_name: Mapped[str] = mapped_column(String(255))
    domain: Mapped[str] = mapped_column(String(255))
