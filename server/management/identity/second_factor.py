"""Who has a second factor, and whether what was typed is it: a code of an app, or a recovery code."""

import logging
import secrets

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from server.management.database.identity_tables import RecoveryCodeRow, SecondFactorRow
from server.management.database.sealing import Seal
from server.management.identity.hashing import token_hash
from server.management.identity.totp import new_secret, step_of

audit = logging.getLogger("server.management.audit")

RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like another
_HALF = 5


class SecondFactors:
    """Works within the caller's transaction."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def is_set_up(self, session: Session, user_id: str) -> bool:
        row = session.get(SecondFactorRow, user_id)
        return row is not None and row.confirmed

    def begin(self, session: Session, user_id: str) -> bytes:
        """Return the secret of an enrolment that is not confirmed yet: the same one until it is."""
        row = session.get(SecondFactorRow, user_id)
        if row is None:
            row = SecondFactorRow(user_id=user_id, secret=self._seal.seal(new_secret()), confirmed=False, last_step=0)
            session.add(row)
            session.flush()
        return self._seal.open(row.secret)

    def is_right(self, session: Session, user_id: str, code: str, now_s: float) -> bool:
        """Tell whether a code would count now; nothing is used up."""
        row = session.get(SecondFactorRow, user_id)
        if row is None:
            return False
        if step_of(self._seal.open(row.secret), code, now_s, row.last_step) is not None:
            return True
        return row.confirmed and session.get(RecoveryCodeRow, (user_id, _recovery_hash(code))) is not None

    def use(self, session: Session, user_id: str, code: str, now_s: float) -> bool:
        """Use a code up; False: it is wrong, or somebody used it already. Needs a writing transaction."""
        row = session.get(SecondFactorRow, user_id)
        if row is None:
            return False
        step = step_of(self._seal.open(row.secret), code, now_s, row.last_step)
        if step is not None:
            taken = session.execute(
                update(SecondFactorRow)
                .where(SecondFactorRow.user_id == user_id, SecondFactorRow.last_step < step)
                .values(last_step=step)
                .execution_options(synchronize_session="fetch")
            )
            return bool(getattr(taken, "rowcount", 0))
        if not row.confirmed:
            return False
        used = session.execute(
            delete(RecoveryCodeRow).where(
                RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.code_hash == _recovery_hash(code)
            )
        )
        if not getattr(used, "rowcount", 0):
            return False
        audit.warning(
            "recovery code used", extra={"user_id": user_id, "left": self.recovery_codes_left(session, user_id)}
        )
        return True

    def confirm(self, session: Session, user_id: str, code: str, now_s: float) -> tuple[str, ...] | None:
        """End an enrolment with the first code; return recovery codes, shown this once. None: the code is wrong."""
        row = session.get(SecondFactorRow, user_id)
        if row is None or row.confirmed or not self.use(session, user_id, code, now_s):
            return None
        row.confirmed = True
        audit.info("second factor set up", extra={"user_id": user_id})
        return self.new_recovery_codes(session, user_id)

    def new_recovery_codes(self, session: Session, user_id: str) -> tuple[str, ...]:
        """Replace a user's recovery codes and return the new ones."""
        session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
        codes = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
        session.add_all(RecoveryCodeRow(user_id=user_id, code_hash=_recovery_hash(code)) for code in codes)
        session.flush()
        return codes

    def recovery_codes_left(self, session: Session, user_id: str) -> int:
        query = select(func.count()).select_from(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id)
        return session.scalar(query) or 0

    def remove(self, session: Session, user_id: str) -> None:
        """Forget a user's second factor: an administrator's word, or the user is gone."""
        session.execute(delete(SecondFactorRow).where(SecondFactorRow.user_id == user_id))
        session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))


def _recovery_code() -> str:
    text = "".join(secrets.choice(_ALPHABET) for _ in range(2 * _HALF))  # 49 bits, and guessing is locked out
    return f"{text[:_HALF]}-{text[_HALF:]}"


def _recovery_hash(code: str) -> str:
    return token_hash("".join(character for character in code.lower() if character in _ALPHABET)[: 4 * _HALF])
