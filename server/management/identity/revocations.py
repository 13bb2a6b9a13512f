"""Access tokens that were issued and have not expired, and which of them were taken back."""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.management.database.identity_tables import AuthorizationCodeRow
from server.management.database.store import configuration_changed
from server.management.database.tables import AccessTokenRow, SessionRow

MOST_TOLD = 10_000  # revoked tokens that a recorder is told at once; each is forgotten when it would have expired


def revoked_tokens(session: Session, now_s: float) -> tuple[str, ...]:
    """Return the ids of revoked tokens that would still be valid, newest first."""
    query = (
        select(AccessTokenRow.jti)
        .where(AccessTokenRow.revoked, AccessTokenRow.expires_s > now_s)
        .order_by(AccessTokenRow.expires_s.desc())
        .limit(MOST_TOLD)
    )
    return tuple(session.scalars(query))


def revoke_session(session: Session, session_id: str) -> None:
    """End one signed-in client: neither its refresh token nor its access tokens count from now on."""
    session.execute(delete(SessionRow).where(SessionRow.id == session_id))
    session.execute(update(AccessTokenRow).where(AccessTokenRow.session_id == session_id).values(revoked=True))
    configuration_changed(session)


def revoke_user(session: Session, user_id: str) -> None:
    """End all of a user's (or a daemon's) clients, those that are signing in by a code included."""
    session.execute(delete(AuthorizationCodeRow).where(AuthorizationCodeRow.user_id == user_id))
    session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
    session.execute(update(AccessTokenRow).where(AccessTokenRow.user_id == user_id).values(revoked=True))
    configuration_changed(session)


def forget_expired(session: Session, now_s: float) -> None:
    session.execute(delete(AccessTokenRow).where(AccessTokenRow.expires_s <= now_s))
    session.execute(delete(SessionRow).where(SessionRow.expires_s <= now_s))
