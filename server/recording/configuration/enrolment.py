"""Joining a site: the recorder makes its key, and management signs it for a one-time token."""

import ipaddress
import logging
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from common.api.enrolment import EnrolRequest
from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.errors import SettingsError, VmsError
from common.foundation.logs import RepeatingFault
from common.net.certificates import create_request
from common.net.tls import pinned_context
from server.recording.configuration.identity import Identity, load_identity, save_identity
from server.recording.configuration.management_api import EnrolmentRefused, ManagementApi
from server.recording.settings import RecordingSettings

log = logging.getLogger(__name__)

TOKEN_FILE = "enrolment-token"  # noqa: S105 - a file's name
CA_FILE = Path("management", "ca.pem")
MOST_HOSTS = 32


async def joined(settings: RecordingSettings, data: Path, media_port: int, clock: Clock) -> Identity:
    """Return this recorder's identity, joining the site first when it has none; waits for management to answer.

    Raises SettingsError when there is no token, or no authority to trust; IdentityDamaged.
    """
    identity = load_identity(data)
    if identity is not None:
        return identity
    retry = Backoff(0.3, 10.0)
    fault = RepeatingFault(log, "cannot join the site yet", clock, management=settings.management_url)
    while True:
        try:
            identity = await _join(settings, data, media_port, clock)
        except SettingsError:
            raise
        except VmsError as failed:
            fault.happened(failed)
            if not failed.retryable and not isinstance(failed, EnrolmentRefused):
                raise
            await clock.sleep(retry.next_s())
        else:
            fault.ended()
            log.info("joined the site", extra={"recorder_id": identity.id, "management": settings.management_url})
            return identity


async def _join(settings: RecordingSettings, data: Path, media_port: int, clock: Clock) -> Identity:
    tls = site_authority(settings, data)
    csr_pem, key_pem = create_request(settings.shown_name())
    request = EnrolRequest(
        token=_token(settings, data),
        csr_pem=csr_pem.decode(),
        name=settings.shown_name(),
        media_port=media_port,
        hosts=own_hosts(settings),
    )
    others = settings.other_management_urls
    async with ManagementApi(settings.management_url, tls, clock, others=others) as management:
        reply = await management.enrol(request)
    return save_identity(data, reply, key_pem)


def site_authority(settings: RecordingSettings, data: Path) -> ssl.SSLContext:
    """Return a context that trusts the site's authority only. Raises SettingsError when it is nowhere."""
    file = settings.management_ca_file or data / CA_FILE
    try:
        return pinned_context(file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as failed:
        raise SettingsError(
            f"the site's certificate authority {file} cannot be read ({failed}); copy ca.pem from the management "
            "server and name it in [recording] management_ca_file"
        ) from failed


def own_hosts(settings: RecordingSettings) -> tuple[str, ...]:
    """Return the names and addresses viewers reach this recorder by, the one to show first."""
    if settings.hosts:
        return settings.hosts[:MOST_HOSTS]
    addresses = [
        address.address
        for card in psutil.net_if_addrs().values()
        for address in card
        if address.family in (socket.AF_INET, socket.AF_INET6) and "%" not in address.address
    ]
    lasting = [text for text in addresses if not ipaddress.ip_address(text).is_link_local]
    name = socket.gethostname()
    # Management on this machine only: viewers of a small site are here as well, or come in by the address below.
    local = urlsplit(settings.management_url).hostname in ("127.0.0.1", "localhost", "::1")
    outside = [text for text in lasting if not ipaddress.ip_address(text).is_loopback]
    first = [*outside[:1], name] if not local else ["127.0.0.1", *outside[:1], name]
    return tuple(dict.fromkeys([*first, *lasting, "localhost"]))[:MOST_HOSTS]


def _token(settings: RecordingSettings, data: Path) -> str:
    if settings.enrolment_token:
        return settings.enrolment_token
    file = data / TOKEN_FILE
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as failed:
        raise SettingsError(
            f"this recorder has joined no site yet and there is no one-time token ({file}: {failed}); make one in the "
            "Management Client and set [recording] enrolment_token"
        ) from failed
