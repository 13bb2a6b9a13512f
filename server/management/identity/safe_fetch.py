"""Fetching what an administrator's setting points to, without becoming a tool against this network (SSRF).

HTTPS only, no redirects, small answers, short waits. The name is resolved once, every address it has is judged, and the
connection goes to the judged address: a name cannot be changed in between.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from common.foundation.errors import VmsError

MOST_BYTES = 512 * 1024
TIMEOUT_S = 8.0
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class FetchFailed(VmsError):
    """Nothing, or nothing good, came from an address."""

    message_key = "error.fetch_failed"
    retryable = True


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status."""

    status: int
    body: bytes


async def fetch(
    url: str,
    context: ssl.SSLContext,
    *,
    allow_private: bool,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """GET an address, or POST a form to it; raise FetchFailed."""
    parts = urlsplit(url)
    try:
        port = parts.port or 443
    except ValueError:
        port = 0
    if parts.scheme != "https" or not parts.hostname or not port or parts.username:
        raise FetchFailed(f"{url[:200]} is no https address")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            address = await _judged(parts.hostname, port, allow_private)
            return await _sent(url, parts.hostname, address, context, form=form, headers=headers)
    except TimeoutError as error:
        raise FetchFailed(f"{parts.hostname} did not answer within {TIMEOUT_S:.0f} s") from error
    except (httpx.HTTPError, ssl.SSLError, OSError) as error:
        raise FetchFailed(f"{parts.hostname}: {error or type(error).__name__}") from error


async def _judged(host: str, port: int, allow_private: bool) -> str:
    """Return an address of a host; raise FetchFailed when any of its addresses must not be asked."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed(f"{host} has no address: {error}") from error
    addresses = [str(row[4][0]) for row in found]
    for address in addresses:
        if not may_ask(address, allow_private):
            raise FetchFailed(f"{host} has the address {address}, which is not asked")
    return addresses[0]


def may_ask(address: str, allow_private: bool) -> bool:
    """Tell whether an address may be asked: public ones, and those of this network where that is allowed.

    Link-local ones never: in clouds, machines keep their credentials there.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or embedded or ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    if ip.is_private or ip.is_loopback:
        return allow_private
    return ip.is_global and not ip.is_reserved


async def _sent(
    url: str,
    host: str,
    address: str,
    context: ssl.SSLContext,
    *,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
) -> Fetched:
    parts = urlsplit(url)
    place = f"[{address}]" if ":" in address else address
    target = parts._replace(netloc=place if parts.port is None else f"{place}:{parts.port}").geturl()
    sent = {"Host": parts.netloc, "Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    body = bytearray()
    async with (
        httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S) as client,
        client.stream(
            "GET" if form is None else "POST",
            target,
            data=dict(form) if form is not None else None,
            headers=sent,
            extensions={"sni_hostname": host},
        ) as answer,
    ):
        async for block in answer.aiter_raw():
            body += block
            if len(body) > MOST_BYTES:
                raise FetchFailed(f"{host} answers with more than {MOST_BYTES} bytes")
        return Fetched(answer.status_code, bytes(body))
