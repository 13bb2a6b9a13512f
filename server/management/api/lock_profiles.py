"""For how long a caller may lock evidence: what the evidence lock profiles of its roles let it choose from."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from common.foundation.clock import UtcUs
from common.model.clients import EvidenceLockProfile
from common.model.item import UNSET_TIME
from common.model.users import Role
from common.net.tokens import Principal
from server.management.configuration.items import InvalidProperties, Items

Choices = frozenset[str] | None
"""Words of profiles in small letters, such as "7 days"; None: everything."""
_INDEFINITE, _USER_DEFINED = "indefinite", "userdefined"


def choices_of(items: Items, session: Session, who: Principal) -> Choices:
    """A caller may what any of its roles may; a role without a profile, and an administrator, may choose anything."""
    if who.is_administrator:
        return None
    roles = [role.item for role in items.list(session, Role) if role.item.token_name in who.roles]
    if not roles or any(role.evidence_lock_profile is None for role in roles):
        return None
    used = {role.evidence_lock_profile.id for role in roles if role.evidence_lock_profile is not None}
    profiles = [each.item for each in items.list(session, EvidenceLockProfile) if each.id in used]
    return frozenset(_plain(text) for profile in profiles for text in profile.retention_time_options)


def check_choice(body: Mapping[str, Any], expires: UtcUs | None, choices: Choices) -> None:
    """Raise InvalidProperties unless `choices` let a lock be kept as `body` asks, which is until `expires`."""
    if choices is None:
        return
    asked = _INDEFINITE if expires is None else _asked(body)
    if asked in choices or (expires is not None and _USER_DEFINED in choices):
        return
    allowed = ", ".join(sorted(choices)) or "nothing"
    raise InvalidProperties(
        {"retentionOption": f"Your roles' evidence lock profiles do not allow {asked}; they allow {allowed}."}
    )


def _asked(body: Mapping[str, Any]) -> str:
    """A choice in the words of profiles. A time that is given counts more than units, so it is the caller's own."""
    option = body.get("retentionOption")
    units = option.get("retentionUnits") if isinstance(option, Mapping) else None
    time = str(body.get("retentionExpire") or UNSET_TIME)
    if units is None or not time.startswith(UNSET_TIME[:10]):
        return _USER_DEFINED
    assert isinstance(option, Mapping)
    return f"{units} {option.get('retentionOption', '')}".lower()


def _plain(text: str) -> str:
    return " ".join(text.split()).lower()
