"""The management server: opens its port and its database, and serves, or stands by for the one that does."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.pools import BoundedPool
from server.management.configuration.changes import ConfigurationChanges
from server.management.database.lease import Lease
from server.management.database.lease_locks import lease_lock
from server.management.database.opening import opened_database
from server.management.database.outage import DatabaseAway, DatabasePool
from server.management.database.store import Database
from server.management.events.journal import EventJournal
from server.management.listening import HttpsServer, bound_socket, known_host, shown_host
from server.management.making import Loop
from server.management.registration.certificates import CHECK_EVERY_S, SiteCertificates
from server.management.registration.site_keys import check_keys
from server.management.serving import Serving
from server.management.settings import ManagementSettings
from server.management.standing_by import Front, give_back, keep_lease, shown_lateness, wait_for_lease

log = logging.getLogger(__name__)

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
            loop = Loop(clock, database_pool, password_pool, directory_pool, changes, EventJournal(clock), group)
            serving = Serving(settings, data, database, certificates, loop, admin_password_file)
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


async def _hold(lease: Lease, thread: BoundedPool, front: Front, serving: Serving, https: str) -> None:
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
