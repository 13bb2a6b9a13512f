"""The site's certificate authority and this server's own certificate, kept beside the database."""

import ipaddress
import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import psutil

from common.net.certificates import (
    MOST_HOSTS,
    BadCertificate,
    KeyPair,
    create_authority,
    hosts_of,
    issue_certificate,
    issued_by,
    lasts_for,
)

RENEW_BEFORE = timedelta(days=30)
CHECK_EVERY_S = 6 * 3600.0


class SiteCertificates:
    """Files `ca.pem`, `ca.key`, `server.pem` and `server.key`; made when absent. Blocking."""

    def __init__(self, folder: Path, site_name: str, hosts: Sequence[str]) -> None:
        """Raises BadCertificate when a file is there and cannot be used: it is never made anew by itself."""
        self.ca_path = folder / "ca.pem"
        self.cert_path = folder / "server.pem"
        self.key_path = folder / "server.key"
        self._hosts = tuple(dict.fromkeys([*hosts, *own_hosts()]))[:MOST_HOSTS]
        ca_key = folder / "ca.key"
        if not self.ca_path.exists() and not ca_key.exists():
            create_authority(f"Vedette {site_name}").write(self.ca_path, ca_key)
        self.authority = KeyPair.read(self.ca_path, ca_key)
        lasts_for(self.authority.certificate_pem)  # raises when it cannot be read
        self.renew_if_due()

    @property
    def hosts(self) -> tuple[str, ...]:
        return self._hosts

    def renew_if_due(self) -> bool:
        """Issue the server's certificate when absent, about to expire or for other names; tell whether it did."""
        try:
            kept = KeyPair.read(self.cert_path, self.key_path).certificate_pem
            good = (
                lasts_for(kept) > RENEW_BEFORE
                and set(self._hosts) <= hosts_of(kept)
                and issued_by(kept, self.authority.certificate_pem)
            )
        except BadCertificate:
            good = False
        if not good:
            issue_certificate(self.authority, self._hosts).write(self.cert_path, self.key_path)
        return not good


def own_hosts() -> list[str]:
    """Return the names and addresses of this machine, its name first."""
    name = socket.gethostname()
    return list(dict.fromkeys([name, socket.getfqdn(), "localhost", *sorted(own_addresses())]))


def own_addresses() -> frozenset[str]:
    """Return this machine's IP addresses, loopback included."""
    found = {"127.0.0.1", "::1"}
    for card in psutil.net_if_addrs().values():
        for each in card:
            if each.family in (socket.AF_INET, socket.AF_INET6) and "%" not in each.address:
                address = ipaddress.ip_address(each.address)
                if not address.is_link_local:
                    found.add(str(address))
    return frozenset(found)
