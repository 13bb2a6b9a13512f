"""Keeps the recorder's configuration in force: its own copy at once, then whatever management says is newer."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common.api.enrolment import STATUS_EVERY_S, RecorderStatus, RenewRequest
from common.api.recorder_configuration import RecorderConfiguration
from common.api.storage_status import StageStatus
from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.logs import RepeatingFault
from common.foundation.places import write_private
from common.foundation.pools import BoundedPool
from common.net.certificates import create_request, lasts_for
from common.net.tls import pinned_context
from server.recording.configuration.enrolment import own_hosts
from server.recording.configuration.identity import Identity
from server.recording.configuration.local_copy import LocalCopy
from server.recording.configuration.management_api import ManagementApi
from server.recording.events.board import EventBoard
from server.recording.events.telling import tell_events
from server.recording.settings import RecordingSettings
from server.runtime.audit_trail import AuditTrail
from server.runtime.delivery import deliver_audit
from server.runtime.outbox import Outbox

log = logging.getLogger(__name__)

RENEW_WITHIN = timedelta(days=30)
_CHECK_CERTIFICATE_S = 6 * 3600.0


class ConfigurationFeed:
    """One recorder's line to management. It works without management for as long as that takes."""

    def __init__(
        self,
        settings: RecordingSettings,
        identity: Identity,
        data: Path,
        media_port: int,
        clock: Clock,
        *,
        audit: tuple[Outbox, AuditTrail] | None = None,
        storages: Callable[[], tuple[StageStatus, ...]] = tuple,
        events: EventBoard | None = None,
    ) -> None:
        """`audit`: what is to be delivered to the audit log; None: nothing. `storages`: how they are doing, to be told
        to management; `events`: what happens, likewise."""
        self._events = events
        self._audit = audit
        self._settings = settings
        self._identity = identity
        self._copy = LocalCopy(data, identity.id)
        self._media_port = media_port
        self._clock = clock
        self._storages = storages
        self.version = 0
        """Version of the configuration in force; 0 before the first."""
        self.management_answers = False
        """Whether the last exchange with management worked."""

    async def run(self, apply: Callable[[RecorderConfiguration], None]) -> None:
        """Call `apply` with the configuration in force, and again with each newer one, until cancelled."""
        authority = pinned_context(self._identity.ca_pem)
        async with (
            BoundedPool("configuration", threads=1) as disk,
            ManagementApi(
                self._settings.management_url,
                authority,
                self._clock,
                self._identity,
                self._settings.other_management_urls,
            ) as management,
            asyncio.TaskGroup() as tasks,
        ):
            kept = await disk.run(self._copy.load)
            if kept is not None:
                self.version = kept.version
                apply(kept)
            tasks.create_task(self._follow(management, disk, apply), name="configuration follow")
            tasks.create_task(self._report(management), name="status report")
            if self._audit is not None:
                delivery = deliver_audit(*self._audit, management.deliver_audit, self._clock)
                tasks.create_task(delivery, name="audit delivery")
            if self._events is not None:
                telling = tell_events(self._events, management.tell_events, self._clock)
                tasks.create_task(telling, name="events")
            tasks.create_task(self._keep_certificate(management, disk), name="certificate renewal")

    async def _follow(
        self, management: ManagementApi, disk: BoundedPool, apply: Callable[[RecorderConfiguration], None]
    ) -> None:
        retry = Backoff(0.5, 15.0)
        away = RepeatingFault(log, "management does not answer; recording goes on", self._clock)
        asked_all = self.version == 0
        while True:
            try:
                # The first question asks for everything: management may have been restored from an older backup.
                newer = await management.configuration(self.version if asked_all else 0)
            except VmsError as failed:
                self.management_answers = False
                away.happened(failed)
                await self._clock.sleep(retry.next_s())
                continue
            self.management_answers = True
            away.ended()
            retry.succeeded()
            if newer is None:
                continue
            first, asked_all = not asked_all, True
            if newer.recorder != self._identity.id:
                log.error("management sent another recorder's configuration", extra={"recorder_id": newer.recorder})
                await self._clock.sleep(retry.next_s())
                continue
            if newer.version == self.version and first:
                continue
            if newer.version < self.version:
                log.warning(
                    "management's configuration is older than ours, and counts",
                    extra={"ours": self.version, "theirs": newer.version},
                )
            try:
                await disk.run(self._copy.save, newer)
            except OSError as failed:  # it counts all the same; a restart without management would miss it
                log.error("own copy of the configuration cannot be written", extra={"reason": str(failed)})
            self.version = newer.version
            apply(newer)

    async def _report(self, management: ManagementApi) -> None:
        fault = RepeatingFault(log, "status not delivered", self._clock)
        status = RecorderStatus(address=own_hosts(self._settings)[0], port=self._media_port, version=_product_version())
        while True:
            try:
                await management.report(status.model_copy(update={"storages": self._storages()}))
                fault.ended()
            except VmsError as failed:
                fault.happened(failed)
            await self._clock.sleep(STATUS_EVERY_S)

    async def _keep_certificate(self, management: ManagementApi, disk: BoundedPool) -> None:
        """Renew the certificate a month before it ends; the media port takes it at its next start."""
        fault = RepeatingFault(log, "certificate not renewed", self._clock)
        while True:
            try:
                left = lasts_for(await disk.run(self._identity.certificate.read_bytes))
                if left < RENEW_WITHIN:
                    csr_pem, key_pem = create_request(self._settings.shown_name())
                    hosts = own_hosts(self._settings)
                    reply = await management.renew(RenewRequest(csr_pem=csr_pem.decode(), hosts=hosts))
                    await disk.run(write_private, self._identity.key, key_pem)
                    await disk.run(write_private, self._identity.certificate, reply.certificate_pem.encode())
                    log.warning("certificate renewed; it is used from the next start", extra={"left_days": left.days})
                fault.ended()
            except (VmsError, OSError) as failed:
                fault.happened(failed)
            await self._clock.sleep(_CHECK_CERTIFICATE_S)


def _product_version() -> str:
    try:
        return version("vedette")
    except PackageNotFoundError:
        return ""
