"""The site's authority and what it issues, checked by real TLS handshakes in memory."""

import ssl
from datetime import timedelta

import pytest

from common.net.certificates import (
    BadCertificate,
    KeyPair,
    create_authority,
    create_request,
    fingerprint,
    hosts_of,
    issue_certificate,
    issued_by,
    lasts_for,
    sign_request,
)
from common.net.tls import pinned_context, server_context

AUTHORITY = create_authority("Test site")


def handshake(pair, folder, ca_pem, host):
    """Shake hands in memory; raise what the client raises."""
    pair.write(folder / "cert.pem", folder / "key.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context(folder / "cert.pem", folder / "key.pem").wrap_bio(to_server, to_client, server_side=True)
    client = pinned_context(ca_pem.decode()).wrap_bio(to_client, to_server, server_hostname=host)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()


@pytest.mark.parametrize("host", ["nvr.example", "10.0.0.4", "::1"])
def test_a_certificate_is_good_for_its_names_and_addresses(tmp_path, host):
    pair = issue_certificate(AUTHORITY, ["nvr.example", "10.0.0.4", "::1"])
    assert handshake(pair, tmp_path, AUTHORITY.certificate_pem, host) == "TLSv1.3"
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_another_name_or_authority_is_refused(tmp_path):
    pair = issue_certificate(AUTHORITY, ["nvr.example"])
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(pair, tmp_path, AUTHORITY.certificate_pem, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pair, tmp_path, create_authority("Test site").certificate_pem, "nvr.example")


def test_a_request_gets_the_names_that_the_server_chose(tmp_path):
    csr_pem, key_pem = create_request("evil.example")
    certificate = sign_request(AUTHORITY, csr_pem, ["rec.example"])
    assert hosts_of(certificate) == {"rec.example"}
    assert issued_by(certificate, AUTHORITY.certificate_pem)
    assert handshake(KeyPair(certificate, key_pem), tmp_path, AUTHORITY.certificate_pem, "rec.example")


def test_life_and_fingerprint():
    certificate = issue_certificate(AUTHORITY, ["a"]).certificate_pem
    assert timedelta(days=360) < lasts_for(certificate) < timedelta(days=366)
    assert lasts_for(AUTHORITY.certificate_pem) > timedelta(days=3600)
    assert len(fingerprint(certificate)) == 95


@pytest.mark.parametrize("hosts", [[], ["x"] * 1 + [f"h{n}" for n in range(64)], ["ä" * 70]])
def test_impossible_names_are_refused(hosts):
    with pytest.raises(BadCertificate):
        issue_certificate(AUTHORITY, hosts)


@pytest.mark.parametrize(
    "csr", [b"", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_a_request_that_is_none(csr):
    with pytest.raises(BadCertificate):
        sign_request(AUTHORITY, csr, ["a"])


def test_files_that_do_not_fit(tmp_path):
    (tmp_path / "a").write_bytes(b"junk")
    with pytest.raises(BadCertificate):
        server_context(tmp_path / "a", tmp_path / "a")
    with pytest.raises(BadCertificate):
        pinned_context("junk")
    with pytest.raises(BadCertificate):
        KeyPair.read(tmp_path / "none", tmp_path / "none")
