"""Makes the parts of a serving management server."""

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

from common.foundation.clock import Clock
from common.foundation.pools import BoundedPool
from server.management.api.failures import task_failure
from server.management.api.tasks import LongTasks
from server.management.audit.log import AuditLog
from server.management.configuration.built_in import make_built_in
from server.management.configuration.changes import ConfigurationChanges
from server.management.configuration.items import Items
from server.management.configuration.recorder_feed import RecorderFeed
from server.management.database.sealing import Seal
from server.management.database.store import Database
from server.management.events.journal import EventJournal
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
from server.management.identity.second_factor import SecondFactors
from server.management.identity.sessions import Sessions
from server.management.identity.sign_in import SignIn
from server.management.identity.signing import SigningKeys
from server.management.identity.subjects import Subjects
from server.management.identity.tickets import tickets_from
from server.management.identity.vms_tokens import VmsTokens
from server.management.registration.certificates import SiteCertificates, own_addresses
from server.management.registration.enrolment import Enrolment
from server.management.registration.recorder_questions import RecorderQuestions
from server.management.registration.site_keys import check_keys, note_keys
from server.management.registration.statuses import RecorderStatuses
from server.management.services import Services
from server.management.settings import ManagementSettings


@dataclass(frozen=True, slots=True)
class Loop:
    """Parts that belong to the event loop."""

    clock: Clock
    database_pool: BoundedPool
    password_pool: BoundedPool
    directory_pool: BoundedPool
    changes: ConfigurationChanges
    events: EventJournal
    group: asyncio.TaskGroup


def made_services(  # noqa: PLR0917 - as many parts as there are
    settings: ManagementSettings,
    data: Path,
    database: Database,
    certificates: SiteCertificates,
    loop: Loop,
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
    authority = Authority(role_permissions, clock.now_us)
    lockout = Lockout(settings.lockout_after, settings.lockout_first_s, settings.lockout_most_s, clock.monotonic_s)
    by_address = Lockout(
        settings.address_lockout_after,
        settings.lockout_first_s,
        settings.lockout_most_s,
        clock.monotonic_s,
        one_forgotten_each_s=60,
    )
    external = ExternalUsers(items)
    subjects = Subjects(items, accounts, external, now_s)
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
        events=loop.events,
        tasks=LongTasks(loop.group, task_failure),
        redirect_uris=tuple(settings.redirect_uris),
        site_id=site_id,
        site_name=name,
        issuer=issuer,
        audit=audit,
        ca_pem=ca_pem,
        own_addresses=own_addresses(),
    )
