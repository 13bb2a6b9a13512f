"""Puts the management server's parts together and runs them."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from common.api.audit import AuditBatch
from common.foundation.clock import US_PER_S, Clock
from common.foundation.errors import SettingsError, VmsError
from common.foundation.pools import BoundedPool
from common.model.servers import RecordingServer
from common.model.users import ADMINISTRATORS_ROLE_ID
from common.net.certificates import fingerprint
from common.net.discovery import announced
from server.management.api.application import application
from server.management.api.callers import may_know, principal_of
from server.management.api.failures import task_failure
from server.management.api.tasks import LongTasks
from server.management.audit.chain import PURPOSE, AuditChain
from server.management.audit.log import MANAGEMENT, AuditLog
from server.management.audit.row_changes import note_row_changes
from server.management.channel.journal import Journal
from server.management.channel.switchboard import Switchboard
from server.management.configuration.built_in import make_built_in
from server.management.configuration.changes import ConfigurationChanges
from server.management.configuration.items import Items
from server.management.configuration.recorder_feed import RecorderFeed
from server.management.database.lease import Lease
from server.management.database.lease_locks import lease_lock
from server.management.database.opening import opened_database
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway, DatabasePool
from server.management.database.sealing import Seal
from server.management.database.store import Database
from server.management.identity.accounts import Accounts
from server.management.identity.authority import Authority
from server.management.identity.authorization_codes import AuthorizationCodes
from server.management.identity.directories import Directories
from server.management.identity.directory_watch import DirectoryWatch
from server.management.identity.external_users import ExternalUsers
from server.management.identity.first_factor import FirstFactor
from server.management.identity.first_start import FirstAdministrator, prepare_site
from server.management.identity.lockout import Lockout
from server.management.identity.password_policy import PasswordPolicy
from server.management.identity.passwords import Passwords
from server.management.identity.pending import PendingSignIns
from server.management.identity.permissions import RolePermissions
from server.management.identity.providers import Providers
from server.management.identity.revocations import revoked_tokens
from server.management.identity.second_factor import SecondFactors
from server.management.identity.sessions import Sessions
from server.management.identity.sign_in import SignIn
from server.management.identity.signing import SigningKeys
from server.management.identity.subjects import Subjects
from server.management.identity.tickets import tickets_from
from server.management.identity.vms_tokens import VmsTokens
from server.management.listening import HttpsServer, bound_socket, known_host, shown_host
from server.management.registration.certificates import CHECK_EVERY_S, SiteCertificates, own_addresses
from server.management.registration.enrolment import Enrolment
from server.management.registration.recorder_questions import RecorderQuestions
from server.management.registration.site_keys import check_keys, note_keys
from server.management.registration.statuses import RecorderStatuses
from server.management.services import Services
from server.management.settings import ManagementSettings
from server.management.standing_by import Front, give_back, keep_lease, shown_lateness, wait_for_lease
from server.runtime.audit_trail import AuditTrail
from server.runtime.delivery import deliver_audit
from server.runtime.outbox import Outbox

log = logging.getLogger(__name__)

AUDIT_LOGGER = "server.management.audit"
FIRST_USER = "admin"
_PASSWORD_THREADS = 2  # each hash takes 64 MB for a moment


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. `setup_code` is None once there is an administrator; `standby`: another one serves."""

    https: str
    ca: Path
    first_start: bool
    setup_code: str | None
    standby: bool = False


@asynccontextmanager
async def management_server(
    settings: ManagementSettings, data: Path, clock: Clock, admin_password_file: Path | None = None
) -> AsyncIterator[Running]:
    """Serve, or stand by for the one that does, until left.

    Raises SettingsError, DatabaseUnusable, DatabaseAway, BadCertificate; LeaseLost when another server has taken over.
    """
    folder = data / "management"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    listening = bound_socket(settings)
    database = opened_database(settings, folder)
    try:
        first_keys = not (folder / "ca.pem").exists()
        await asyncio.to_thread(_check_keys, database, folder, first_keys)
        certificates = await asyncio.to_thread(
            SiteCertificates, folder, settings.site_name or socket.gethostname(), settings.hosts
        )
        port = listening.getsockname()[1]
        https = f"https://{shown_host(settings, certificates.hosts)}:{port}"
        known = f"https://{known_host(settings, certificates.hosts)}:{port}"
        lease = Lease(database, lease_lock(database), known, clock.monotonic_s)
    except BaseException:
        listening.close()
        database.close()
        raise
    try:
        async with (
            DatabasePool(settings.database_threads, database.outage) as database_pool,
            BoundedPool("passwords", _PASSWORD_THREADS) as password_pool,
            BoundedPool("directories", settings.directory_threads) as directory_pool,
            BoundedPool("lease", 1) as lease_thread,
            asyncio.TaskGroup() as group,
        ):
            changes = ConfigurationChanges()
            loop = _Loop(clock, database_pool, password_pool, directory_pool, changes, group)
            serving = _Serving(settings, data, database, certificates, loop, admin_password_file)
            with closing(serving):
                front = Front(certificates.authority.certificate_pem.decode())
                try:
                    ours = await lease_thread.run(lease.try_take)
                except DatabaseAway:
                    if first_keys:
                        raise
                    ours = False
                if ours:
                    front.serve(await serving.begin(https))
                server = HttpsServer(front, certificates)
                running = group.create_task(server.serve(sockets=[listening]), name="https")
                while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn tells only by this flag
                    await asyncio.sleep(0.01)
                helpers = [
                    group.create_task(_renew(server, certificates, clock), name="certificate"),
                    group.create_task(_hold(lease, lease_thread, front, serving, https), name="lease"),
                ]
                log.info("management server answers", extra={"https": https, "standby": not ours})
                try:
                    yield Running(https, certificates.ca_path, serving.needs_setup, serving.setup_code, not ours)
                finally:
                    changes.close()
                    for helper in [*helpers, *serving.helpers]:
                        helper.cancel()
                    serving.stop()
                    server.should_exit = True
                    # before the group cancels them a second time
                    await asyncio.wait([running, *helpers, *serving.helpers])
    finally:
        listening.close()
        await give_back(lease)
        await asyncio.to_thread(database.close)


async def _again_when_away(name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Do work that uses the database beside the requests; begin it anew when the database was away."""
    while True:
        try:
            return await work()
        except DatabaseAway as away:
            log.warning("begun anew: the database was away", extra={"work": name, "reason": str(away)})
            await asyncio.sleep(RETRY_AFTER_S)


async def _hold(lease: Lease, thread: BoundedPool, front: Front, serving: "_Serving", https: str) -> None:
    """Wait for the lease, serve, and keep it; raises LeaseLost when another server has taken over."""
    if not lease.held:
        await wait_for_lease(lease, front, thread, serving.loop.clock)
        front.serve(await serving.begin(https))
    await keep_lease(lease, thread, serving.loop.clock, shown_lateness)


def _check_keys(database: Database, folder: Path, first_keys: bool) -> None:
    """See that this folder's keys are those of the site in the database, before any are made. Raises SiteKeysWrong."""
    try:
        with database.read() as session:
            check_keys(session, folder)
    except DatabaseAway:
        if first_keys:
            raise
    except SQLAlchemyError:
        log.info("a database without a site yet")


class _Serving:
    """The serving server's parts, made when it is this one's turn."""

    def __init__(  # noqa: PLR0917 - as many parts as there are
        self,
        settings: ManagementSettings,
        data: Path,
        database: Database,
        certificates: SiteCertificates,
        loop: "_Loop",
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
        outbox = await asyncio.to_thread(Outbox, self._data / "management" / "outbox.sqlite3")
        self._open.callback(outbox.close)
        seal = await asyncio.to_thread(Seal, self._data / "management" / "secrets.key")
        audit = AuditLog(self._database, AuditChain(seal.key_for(PURPOSE)))
        trail = AuditTrail(outbox, loop.clock, audit)
        self._open.enter_context(trail.running(AUDIT_LOGGER))
        note_row_changes(self._database, trail)
        services = await loop.database_pool.run(
            _services, self._settings, self._data, self._database, self._certificates, loop, seal, audit
        )
        self._services = services
        if self._settings.audit_keep_days:
            self._start("audit retention", partial(_forget_audit, services, trail, self._settings.audit_keep_days))
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
        online = services.statuses.online
        self._start("revoked tokens", partial(switchboard.watch_tokens, partial(_revoked, services)))
        self._start("states", partial(switchboard.watch_states, RecordingServer.kind.plural, online))
        self._start("directories", services.directory_watch.run)
        if self._settings.announce:
            self._start("announce", partial(_announce, services, self._settings, urlsplit(https).port or 443))
        return application(services, switchboard)

    def stop(self) -> None:
        if self._services is not None:
            self._services.tasks.stop_all()

    def close(self) -> None:
        """Once no request is answered any more: put the last audit entries on disk. Blocking."""
        self._open.close()

    def _start(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self.helpers.append(self.loop.group.create_task(_again_when_away(name, work), name=name))


@dataclass(frozen=True, slots=True)
class _Loop:
    """Parts that belong to the event loop."""

    clock: Clock
    database_pool: BoundedPool
    password_pool: BoundedPool
    directory_pool: BoundedPool
    changes: ConfigurationChanges
    group: asyncio.TaskGroup


def _services(  # noqa: PLR0917 - as many parts as there are
    settings: ManagementSettings,
    data: Path,
    database: Database,
    certificates: SiteCertificates,
    loop: _Loop,
    seal: Seal,
    audit: AuditLog,
) -> Services:
    """Build everything that works on the database. Runs in the database's pool."""

    clock = loop.clock

    def now_s() -> float:
        return clock.now_us() / 1e6

    items = Items(seal, clock)
    policy = PasswordPolicy(
        settings.password_min_chars,
        settings.password_classes,
        settings.password_history,
        settings.password_max_age_days,
    )
    hasher = PasswordHasher(time_cost=settings.password_hash_passes, memory_cost=settings.password_hash_memory_kib)
    passwords = Passwords(policy, hasher)
    accounts = Accounts(items, policy, now_s)
    role_permissions = RolePermissions(items)
    authority = Authority(role_permissions)
    lockout = Lockout(settings.lockout_after, settings.lockout_first_s, settings.lockout_most_s, clock.monotonic_s)
    by_address = Lockout(
        settings.address_lockout_after,
        settings.lockout_first_s,
        settings.lockout_most_s,
        clock.monotonic_s,
        one_forgotten_each_s=60,
    )
    external = ExternalUsers(items)
    subjects = Subjects(items, accounts, external)
    factors = SecondFactors(seal)
    directories = Directories(items, loop.directory_pool, now_s)
    first_factor = FirstFactor(
        database=database,
        database_pool=loop.database_pool,
        password_pool=loop.password_pool,
        accounts=accounts,
        passwords=passwords,
        directories=directories,
        external=external,
        by_name=lockout,
        by_address=by_address,
    )
    with database.write() as session:
        name = settings.site_name or socket.gethostname()
        site_id, issuer = prepare_site(session, items, name, f"https://{certificates.hosts[0]}/idp")
        check_keys(session, data / "management")
        note_keys(session, certificates.authority.certificate_pem.decode())
        make_built_in(session, items, site_id)
        role_permissions.prepare(session)
        keys = SigningKeys(session, seal, now_s())
        enrolment = Enrolment(
            items,
            certificates.authority,
            issuer=issuer,
            site_id=site_id,
            token_file=data / "enrolment-token",
            now_s=now_s,
        )
        enrolment.keep_token_file(session)
    statuses, ca_pem = RecorderStatuses(clock.monotonic_s), certificates.authority.certificate_pem.decode()
    return Services(
        clock=clock,
        database=database,
        database_pool=loop.database_pool,
        password_pool=loop.password_pool,
        directory_pool=loop.directory_pool,
        items=items,
        accounts=accounts,
        passwords=passwords,
        lockout=lockout,
        keys=keys,
        sessions=Sessions(
            accounts,
            subjects,
            keys,
            issuer,
            token_life_s=settings.token_life_s,
            session_life_s=settings.session_life_s,
            now_s=now_s,
        ),
        subjects=subjects,
        external=external,
        second_factors=factors,
        directories=directories,
        directory_watch=DirectoryWatch(database, loop.database_pool, directories, external, clock),
        first_factor=first_factor,
        sign_in=SignIn(
            database=database,
            database_pool=loop.database_pool,
            password_pool=loop.password_pool,
            first=first_factor,
            accounts=accounts,
            passwords=passwords,
            subjects=subjects,
            factors=factors,
            site_name=name,
            now_s=now_s,
        ),
        codes=AuthorizationCodes(now_s),
        vms_tokens=VmsTokens(subjects, now_s),
        pending=PendingSignIns(clock.monotonic_s),
        tickets=tickets_from(settings.kerberos_keytab),
        providers=Providers(items, external, database, loop.database_pool, now_s=now_s, monotonic_s=clock.monotonic_s),
        first_administrator=FirstAdministrator(accounts, passwords, lockout, site_id),
        role_permissions=role_permissions,
        authority=authority,
        enrolment=enrolment,
        statuses=statuses,
        questions=RecorderQuestions(items, statuses, ca_pem),
        feed=RecorderFeed(items, keys, role_permissions, authority),
        changes=loop.changes,
        tasks=LongTasks(loop.group, task_failure),
        redirect_uris=tuple(settings.redirect_uris),
        site_id=site_id,
        site_name=name,
        issuer=issuer,
        audit=audit,
        ca_pem=ca_pem,
        own_addresses=own_addresses(),
    )


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


async def _keep_audit(services: Services, batch: AuditBatch) -> None:
    await services.database_pool.run(services.audit.take, batch, MANAGEMENT)


async def _renew(server: HttpsServer, certificates: SiteCertificates, clock: Clock) -> None:
    """Keep the server's own certificate valid while it runs for years."""
    while True:
        await clock.sleep(CHECK_EVERY_S)
        try:
            if await asyncio.to_thread(certificates.renew_if_due):
                server.reload_certificate()
                log.info("certificate renewed")
        except (VmsError, OSError) as error:
            log.error("certificate not renewed", extra={"cause": str(error)})


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
