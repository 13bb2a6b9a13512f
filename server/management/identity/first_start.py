"""The first administrator: nobody has a default password, so a one-time code proves who stands at the server."""

import base64
import hmac
import logging
import platform
import secrets
import socket

import psutil
from sqlalchemy.orm import Session

from common.foundation.errors import NotPermitted
from common.model.sites import Site
from common.model.users import ADMINISTRATORS_ROLE_ID, OPERATORS_ROLE_ID, BasicUser, Role
from common.net.tokens import ADMINISTRATORS, OPERATORS
from server.management.configuration.items import Items, validated
from server.management.database.store import get_state, set_state
from server.management.identity.accounts import Accounts
from server.management.identity.lockout import Lockout
from server.management.identity.passwords import Passwords

audit = logging.getLogger("server.management.audit")

_CODE_KEY = "\x00set-up code"  # no user can be called so


def prepare_site(session: Session, items: Items, name: str, issuer: str) -> tuple[str, str]:
    """Make the site and its built-in roles at the very first start; return `(site id, issuer)`."""
    site_id, known_issuer = get_state(session, "site_id"), get_state(session, "issuer")
    about = {
        "computerName": socket.gethostname(),
        "platform": platform.platform(),
        "processors": psutil.cpu_count() or 0,
        "physicalMemory": psutil.virtual_memory().total,
    }
    if site_id is not None and known_issuer is not None:
        items.update(session, Site, site_id, about)
        return site_id, known_issuer
    site = items.create(session, validated(Site, {"name": name, **about}), None)
    for role_id, title, token_name, kind, description in (
        (ADMINISTRATORS_ROLE_ID, "Administrators", ADMINISTRATORS, "Adminstrative", "May see and change everything."),
        (OPERATORS_ROLE_ID, "Operators", OPERATORS, "UserDefined", "May watch live and recorded pictures."),
    ):
        role = Role.model_validate(
            {"name": title, "description": description, "roleType": kind, "tokenName": token_name}
        )
        items.create(session, role, site.id, role_id)
    set_state(session, "site_id", site.id)
    set_state(session, "issuer", issuer)
    return site.id, issuer


class FirstAdministrator:
    """Creates the first administrator, once."""

    def __init__(self, accounts: Accounts, passwords: Passwords, lockout: Lockout, site_id: str) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._lockout = lockout
        self._site_id = site_id
        text = base64.b32encode(secrets.token_bytes(10)).decode()  # 80 bits
        self.code = "-".join(text[at : at + 4] for at in range(0, len(text), 4))

    def check_code(self, code: str) -> None:
        """Raise NotPermitted unless this is the code; wrong ones are slowed down."""
        if self._lockout.remaining_s(_CODE_KEY) > 0:
            raise NotPermitted("too many wrong set-up codes; wait a while")
        given = code.strip().upper().encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.code.encode()):
            self._lockout.failed(_CODE_KEY)
            audit.warning("set-up refused", extra={"reason": "wrong code"})
            raise NotPermitted("the set-up code is wrong")

    def hash_for(self, user_name: str, password: object) -> str:
        """Check the wished password and hash it; raise InvalidProperties."""
        return self._passwords.hash(self._accounts.check_password(password, user_name))

    def create(self, session: Session, user_name: object, password_hash: str) -> None:
        """Create the administrator; raise NotPermitted when there is one, InvalidProperties on a bad name."""
        if self._accounts.administrators(session):
            raise NotPermitted("this site is set up already")
        user = validated(BasicUser, {"name": user_name, "description": "Created at first start"})
        stored = self._accounts.create(session, user, password_hash, self._site_id)
        self._accounts.add_member(session, ADMINISTRATORS_ROLE_ID, stored.id)
        audit.info("first administrator created", extra={"user": user.name, "user_id": stored.id})
