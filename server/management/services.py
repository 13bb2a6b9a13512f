"""All parts of the management server that its API calls, put together in `app`."""

from dataclasses import dataclass

from common.foundation.clock import Clock
from common.foundation.pools import BoundedPool
from server.management.api.tasks import LongTasks
from server.management.audit.log import AuditLog
from server.management.configuration.changes import ConfigurationChanges
from server.management.configuration.items import Items
from server.management.configuration.recorder_feed import RecorderFeed
from server.management.database.store import Database
from server.management.events.journal import EventJournal
from server.management.identity.accounts import Accounts
from server.management.identity.authority import Authority
from server.management.identity.authorization_codes import AuthorizationCodes
from server.management.identity.directories import Directories
from server.management.identity.directory_watch import DirectoryWatch
from server.management.identity.external_users import ExternalUsers
from server.management.identity.first_factor import FirstFactor
from server.management.identity.first_start import FirstAdministrator
from server.management.identity.lockout import Lockout
from server.management.identity.passwords import Passwords
from server.management.identity.pending import PendingSignIns
from server.management.identity.permissions import RolePermissions
from server.management.identity.providers import Providers
from server.management.identity.second_factor import SecondFactors
from server.management.identity.sessions import Sessions
from server.management.identity.sign_in import SignIn
from server.management.identity.signing import SigningKeys
from server.management.identity.subjects import Subjects
from server.management.identity.tickets import Tickets
from server.management.identity.vms_tokens import VmsTokens
from server.management.registration.enrolment import Enrolment
from server.management.registration.recorder_questions import RecorderQuestions
from server.management.registration.statuses import RecorderStatuses


@dataclass(frozen=True, slots=True)
class Services:
    """`database_pool` runs transactions, `password_pool` the slow hashes,
    `directory_pool` questions to directories: never one inside the other."""

    clock: Clock
    database: Database
    database_pool: BoundedPool
    password_pool: BoundedPool
    directory_pool: BoundedPool
    items: Items
    accounts: Accounts
    passwords: Passwords
    lockout: Lockout
    keys: SigningKeys
    sessions: Sessions
    subjects: Subjects
    external: ExternalUsers
    second_factors: SecondFactors
    directories: Directories
    directory_watch: DirectoryWatch
    first_factor: FirstFactor
    sign_in: SignIn
    codes: AuthorizationCodes
    vms_tokens: VmsTokens
    pending: PendingSignIns
    providers: Providers
    tickets: Tickets | None
    first_administrator: FirstAdministrator
    role_permissions: RolePermissions
    authority: Authority
    enrolment: Enrolment
    statuses: RecorderStatuses
    questions: RecorderQuestions
    feed: RecorderFeed
    changes: ConfigurationChanges
    events: EventJournal
    tasks: LongTasks
    redirect_uris: tuple[str, ...]
    site_id: str
    site_name: str
    issuer: str
    audit: AuditLog
    ca_pem: str
    own_addresses: frozenset[str]
