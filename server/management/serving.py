"""The management server while it is the one that serves: its parts, and the tasks that run beside requests."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from common.api.audit import AuditBatch
from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import SettingsError, VmsError
from common.model.servers import RecordingServer
from common.model.users import ADMINISTRATORS_ROLE_ID
from common.net.certificates import fingerprint
from common.net.discovery import announced
from server.management.api.application import application
from server.management.api.callers import may_know, may_know_of, principal_of
from server.management.audit.chain import PURPOSE, AuditChain
from server.management.audit.log import MANAGEMENT, AuditLog
from server.management.audit.row_changes import note_row_changes
from server.management.channel.journal import Journal
from server.management.channel.switchboard import Switchboard
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway
from server.management.database.sealing import Seal
from server.management.database.store import Database
from server.management.events.hub import EventHub
from server.management.history import book
from server.management.history.noting import note_history
from server.management.identity.revocations import revoked_tokens
from server.management.making import Loop, made_services
from server.management.registration.certificates import SiteCertificates
from server.management.services import Services
from server.management.settings import ManagementSettings
from server.runtime.audit_trail import AuditTrail
from server.runtime.delivery import deliver_audit
from server.runtime.outbox import Outbox

log = logging.getLogger(__name__)

AUDIT_LOGGER = "server.management.audit"
FIRST_USER = "admin"


class Serving:
    """The serving server's parts, made when it is this one's turn."""

    def __init__(  # noqa: PLR0917 - as many parts as there are
        self,
        settings: ManagementSettings,
        data: Path,
        database: Database,
        certificates: SiteCertificates,
        loop: Loop,
        admin_password_file: Path | None,
    ) -> None:
        self.loop = loop
        self.helpers: list[asyncio.Task[None]] = []
        self.needs_setup = False
        self.setup_code: str | None = None
        self._settings = settings
        self._data = data
        self._database = database
        self._certificates = certificates
        self._admin_password_file = admin_password_file
        self._services: Services | None = None
        self._open = ExitStack()

    async def begin(self, https: str) -> ASGIApp:
        """Make everything and return what answers clients."""
        loop = self.loop
        journal = Journal(loop.clock)
        self._database.on_change(loop.changes.happened)
        self._database.on_change(journal.happened)
        self._database.on_change(loop.events.forget)
        outbox = await asyncio.to_thread(Outbox, self._data / "management" / "outbox.sqlite3")
        self._open.callback(outbox.close)
        seal = await asyncio.to_thread(Seal, self._data / "management" / "secrets.key")
        audit = AuditLog(self._database, AuditChain(seal.key_for(PURPOSE)))
        trail = AuditTrail(outbox, loop.clock, audit)
        self._open.enter_context(trail.running(AUDIT_LOGGER))
        note_row_changes(self._database, trail)
        note_history(self._database, loop.clock)
        services = await loop.database_pool.run(
            made_services, self._settings, self._data, self._database, self._certificates, loop, seal, audit
        )
        self._services = services
        if self._settings.audit_keep_days:
            self._start("audit retention", partial(_forget_audit, services, trail, self._settings.audit_keep_days))
        if self._settings.history_keep_days:
            self._start("history retention", partial(_forget_history, services, self._settings.history_keep_days))
        self._start("audit delivery", partial(deliver_audit, outbox, trail, partial(_keep_audit, services), loop.clock))
        if self._admin_password_file is not None:
            await loop.password_pool.run(_first_user, services, self._admin_password_file)
        self.needs_setup = await loop.database_pool.run(_needs_setup, services)
        self.setup_code = services.first_administrator.code if self.needs_setup else None
        switchboard = Switchboard(
            journal,
            partial(principal_of, services),
            partial(may_know, services),
            lambda: loop.clock.now_us() / 1e6,
        )
        hub = EventHub(
            loop.events, partial(principal_of, services), partial(may_know_of, services), loop.clock.monotonic_s
        )
        online = services.statuses.online
        self._start("event tokens", partial(hub.watch_tokens, partial(_revoked, services)))
        self._start("recorder events", partial(loop.events.watch_recorders, online))
        self._start("revoked tokens", partial(switchboard.watch_tokens, partial(_revoked, services)))
        self._start("states", partial(switchboard.watch_states, RecordingServer.kind.plural, online))
        self._start("directories", services.directory_watch.run)
        if self._settings.announce:
            self._start("announce", partial(_announce, services, self._settings, urlsplit(https).port or 443))
        return application(services, switchboard, hub)

    def stop(self) -> None:
        if self._services is not None:
            self._services.tasks.stop_all()

    def close(self) -> None:
        """Once no request is answered any more: put the last audit entries on disk. Blocking."""
        self._open.close()

    def _start(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self.helpers.append(self.loop.group.create_task(_again_when_away(name, work), name=name))


async def _again_when_away(name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Do work that uses the database beside the requests; begin it anew when the database was away."""
    while True:
        try:
            return await work()
        except DatabaseAway as away:
            log.warning("begun anew: the database was away", extra={"work": name, "reason": str(away)})
            await asyncio.sleep(RETRY_AFTER_S)


def _first_user(services: Services, password_file: Path) -> None:
    """Create `admin` with the password of a file, unless there is an administrator. Raises SettingsError."""
    if not _needs_setup(services):
        log.info("password file not used: there is an administrator")
        return
    try:
        password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the password file {password_file} cannot be read: {error}") from error
    problem = services.passwords.policy.problem_with(password, FIRST_USER)
    if problem is not None:
        raise SettingsError(f"the password in {password_file} cannot be used: {problem.rstrip('.')}")
    password_hash = services.passwords.hash(password)
    with services.database.write() as session:
        services.first_administrator.create(session, FIRST_USER, password_hash)


def _needs_setup(services: Services) -> bool:
    with services.database.read() as session:
        return not services.accounts.members(session, ADMINISTRATORS_ROLE_ID)


async def _revoked(services: Services) -> frozenset[str]:
    """Return the ids of tokens that were taken back."""

    def read() -> frozenset[str]:
        with services.database.read() as session:
            return frozenset(revoked_tokens(session, services.clock.now_us() / 1e6))

    try:
        return await services.database_pool.run(read)
    except DatabaseAway:
        return frozenset()  # asked again soon


async def _forget_audit(services: Services, trail: AuditTrail, keep_days: int) -> None:
    """Remove entries that are too old, some each hour: a clock that jumps for a moment must not empty the log."""
    while True:
        before_us = services.clock.now_us() - keep_days * 86_400 * US_PER_S
        try:
            if removed := await services.database_pool.run(services.audit.forget, before_us):
                trail.say("system", "old audit entries removed", count=removed)
        except VmsError as failed:
            log.error("old audit entries not removed", extra={"cause": str(failed)})
        await services.clock.sleep(3600.0)


async def _forget_history(services: Services, keep_days: int) -> None:
    """Remove versions of items that are too old, some each hour, for the same reason."""

    def forget() -> None:
        with services.database.write() as session:
            book.forget(session, UtcUs(services.clock.now_us() - keep_days * 86_400 * US_PER_S))

    while True:
        await services.database_pool.run(forget)
        await services.clock.sleep(3600.0)


async def _keep_audit(services: Services, batch: AuditBatch) -> None:
    await services.database_pool.run(services.audit.take, batch, MANAGEMENT)


async def _announce(services: Services, settings: ManagementSettings, port: int) -> None:
    bound = str(settings.bind_address)
    addresses = sorted(each for each in services.own_addresses if ":" not in each and not each.startswith("127."))
    if bound not in ("0.0.0.0", "::"):
        addresses = [bound]
    try:
        name = settings.site_name or socket.gethostname()
        async with announced(name, port, fingerprint(services.ca_pem.encode()), addresses or ["127.0.0.1"]):
            await asyncio.Event().wait()
    except VmsError as error:
        log.warning("not announced on the network", extra={"cause": str(error)})
