"""TLS as every daemon and client of ours uses it: at least 1.2, the peer checked against the site's own authority.

A site's authority is made by its management server (see `certificates`). A client that signs in for the first time
fetches it with `fetch_ca`, shows its fingerprint, and from then on believes nothing else (`pinned_context`).
"""

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path

from common.foundation.errors import ServerUnreachable, VmsError
from common.net.certificates import BadCertificate, fingerprint

CA_PATH = "/api/.well-known/vedette-ca.pem"
_MOST_CA_BYTES = 64 * 1024


class CertificateNotTrusted(VmsError):
    """The server's certificate was not issued by the authority we trust, or is for another name."""

    message_key = "error.certificate_not_trusted"


@dataclass(frozen=True, slots=True)
class CaOffer:
    """The authority that a server says it belongs to; a person decides whether to trust it."""

    pem: str
    sha256_fingerprint: str  # `AB:CD:...`


def server_context(cert_path: Path, key_path: Path) -> ssl.SSLContext:
    """Return a context to listen with. Raises BadCertificate when the files do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert_path, key_path)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"{cert_path} with {key_path}: {error}", path=str(cert_path)) from error
    return context


def pinned_context(ca_pem: str) -> ssl.SSLContext:
    """Return a context to connect with that trusts one authority only and checks the host name or address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ValueError, ssl.SSLError) as error:
        raise BadCertificate(f"not a certificate in PEM form: {error}", path="certificate authority") from error
    return context


def fetch_ca(host: str, port: int, timeout_s: float = 5.0) -> CaOffer:
    """Ask a server for its authority, for trust on first use; blocking.

    The answer comes over a connection nobody vouches for yet, so a second one checks that the server's own certificate
    was issued by that authority for `host`. Raises ServerUnreachable or CertificateNotTrusted.
    """
    server = f"{host}:{port}"
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.minimum_version = ssl.TLSVersion.TLSv1_2
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    pem = _get(host, port, unverified, timeout_s)
    try:
        offer = CaOffer(pem.decode("ascii"), fingerprint(pem))
        context = pinned_context(offer.pem)
    except (BadCertificate, UnicodeDecodeError) as error:
        raise CertificateNotTrusted(f"it offers no certificate authority: {error}", server=server) from error
    _get(host, port, context, timeout_s)
    return offer


def _get(host: str, port: int, context: ssl.SSLContext, timeout_s: float) -> bytes:
    server = f"{host}:{port}"
    connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    try:
        connection.request("GET", CA_PATH)
        response = connection.getresponse()
        body = response.read(_MOST_CA_BYTES + 1)
    except ssl.SSLCertVerificationError as error:
        raise CertificateNotTrusted(error.verify_message, server=server) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise ServerUnreachable(str(error) or type(error).__name__, server=server) from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK or len(body) > _MOST_CA_BYTES:
        raise ServerUnreachable(f"it is no Vedette management server (status {response.status})", server=server)
    return body
