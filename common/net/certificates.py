"""Certificates of a site: its own certificate authority, and what that issues to daemons (RFC 5280).

Keys are EC P-256. The authority lives ten years, a server's certificate one year; whoever holds a certificate asks
`lasts_for` now and then and has it renewed in time.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common.foundation.errors import VmsError
from common.foundation.places import write_private

AUTHORITY_LIFE = timedelta(days=3653)
SERVER_LIFE = timedelta(days=365)
MOST_HOSTS = 64  # in one certificate
_CLOCKS_MAY_DIFFER = timedelta(hours=1)  # a certificate made by a clock that is ahead must work at once


class BadCertificate(VmsError):
    """A certificate, key or request that cannot be read or used."""

    message_key = "error.bad_certificate"


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A certificate and its private key, as PEM."""

    certificate_pem: bytes
    key_pem: bytes

    def write(self, certificate: Path, key: Path) -> None:
        """Store both, key first, each atomically with mode 0600."""
        write_private(key, self.key_pem)
        write_private(certificate, self.certificate_pem)

    @classmethod
    def read(cls, certificate: Path, key: Path) -> "KeyPair":
        try:
            return cls(certificate.read_bytes(), key.read_bytes())
        except OSError as error:
            raise BadCertificate(f"{error.filename}: {error.strerror}", path=str(error.filename)) from error


def create_authority(name: str) -> KeyPair:
    """Make a certificate authority for a site called `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    builder = _begin(subject, subject, key.public_key(), AUTHORITY_LIFE).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return KeyPair(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def issue_certificate(authority: KeyPair, hosts: Sequence[str]) -> KeyPair:
    """Make a key and a server certificate for `hosts` (names and IP addresses, the first one is the subject)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return KeyPair(_issue(authority, key.public_key(), hosts), _key_pem(key))


def sign_request(authority: KeyPair, csr_pem: bytes, hosts: Sequence[str]) -> bytes:
    """Return a server certificate for the key of a request; names come from `hosts`, not from the request.

    Raises BadCertificate when the request cannot be read or is not signed with its own key.
    """
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        genuine = request.is_signature_valid
        public = request.public_key()
    except (ValueError, TypeError) as error:
        raise BadCertificate(f"not a certificate request: {error}", path="certificate request") from error
    if not genuine or not isinstance(public, ec.EllipticCurvePublicKey):
        raise BadCertificate("the request is not signed with its own EC key", path="certificate request")
    return _issue(authority, public, hosts)


def create_request(name: str) -> tuple[bytes, bytes]:
    """Make a key and a request for it; return `(csr_pem, key_pem)`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM), _key_pem(key)


def lasts_for(certificate_pem: bytes, now: datetime | None = None) -> timedelta:
    """Return how long a certificate is still valid (negative: expired)."""
    return _load(certificate_pem).not_valid_after_utc - (now or datetime.now(UTC))


def hosts_of(certificate_pem: bytes) -> frozenset[str]:
    """Return the names and IP addresses that a certificate is for."""
    try:
        names = _load(certificate_pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(names.get_values_for_type(x509.DNSName)) | {
        str(address) for address in names.get_values_for_type(x509.IPAddress)
    }


def issued_by(certificate_pem: bytes, authority_pem: bytes) -> bool:
    """Tell whether an authority signed a certificate."""
    try:
        _load(certificate_pem).verify_directly_issued_by(_load(authority_pem))
    except Exception:  # noqa: BLE001 - the library raises InvalidSignature, ValueError or TypeError: each means no
        return False
    return True


def fingerprint(certificate_pem: bytes) -> str:
    """Return a certificate's SHA-256 as people compare it: `AB:CD:...`."""
    return _load(certificate_pem).fingerprint(hashes.SHA256()).hex(":").upper()


def _load(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise BadCertificate(f"not a certificate in PEM form: {error}", path="certificate") from error


def _issue(authority: KeyPair, public: CertificatePublicKeyTypes, hosts: Sequence[str]) -> bytes:
    hosts = list(dict.fromkeys(hosts))
    if not hosts or len(hosts) > MOST_HOSTS:
        raise BadCertificate(f"a certificate is for 1 to {MOST_HOSTS} hosts, not {len(hosts)}", path="certificate")
    issuer = _load(authority.certificate_pem)
    key = serialization.load_pem_private_key(authority.key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate("the authority's key is not an EC key", path="certificate authority")
    subject = _subject(hosts[0])
    builder = _begin(subject, issuer.subject, public, SERVER_LIFE)
    try:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    except ValueError as error:
        raise BadCertificate(f"not a host name or address: {error}", path="certificate") from error
    for extension, critical in (
        (names, False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(authority=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return _pem(builder.sign(key, hashes.SHA256()))


def _begin(
    subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_MAY_DIFFER)
        .not_valid_after(now + life)
    )


def _subject(name: str) -> x509.Name:
    """Return a subject; its length is limited in bytes (RFC 5280, appendix A.1, ub-common-name)."""
    short = name.encode("utf-8", "replace")[:64].decode("utf-8", "ignore") or "unnamed"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, short)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode("ascii"))


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
