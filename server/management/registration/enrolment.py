"""How daemons join: a one-time token against an identity of their own."""

import json
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from common.api.enrolment import EnrolReply, EnrolRequest, RecorderStatus, RenewReply, RenewRequest
from common.foundation.errors import NotPermitted
from common.foundation.places import write_private
from common.model.servers import RecordingServer, Storage
from common.net.certificates import KeyPair, sign_request
from server.management.configuration.items import Items, validated
from server.management.database.tables import DaemonRow, EnrolmentTokenRow
from server.management.identity.hashing import token_hash

audit = logging.getLogger("server.management.audit")

TOKEN_LIFE_S = 86_400
_FOREVER_S = 2**53  # the token in the file on our own disk; whoever reads it is already inside


class Enrolment:
    """Works within the caller's transaction, except for the token file."""

    def __init__(
        self,
        items: Items,
        authority: KeyPair,
        *,
        issuer: str,
        site_id: str,
        token_file: Path,
        now_s: Callable[[], float],
    ) -> None:
        self._items = items
        self._authority = authority
        self._issuer = issuer
        self._site_id = site_id
        self._token_file = token_file
        self._now_s = now_s

    def create_token(self, session: Session, life_s: int = TOKEN_LIFE_S) -> tuple[str, int]:
        """Make a one-time token; return it and when it ends, in seconds since 1970."""
        now_s = int(self._now_s())
        session.execute(delete(EnrolmentTokenRow).where(EnrolmentTokenRow.expires_s <= now_s))
        token, expires_s = secrets.token_urlsafe(32), now_s + life_s
        session.add(EnrolmentTokenRow(token_hash=token_hash(token), expires_s=expires_s))
        return token, expires_s

    def keep_token_file(self, session: Session) -> None:
        """See that the file for daemons on this machine holds a token that still counts."""
        if self._token_file.exists():
            kept = self._token_file.read_text(encoding="ascii", errors="replace").strip()
            if session.get(EnrolmentTokenRow, token_hash(kept)) is not None:
                return
        token, _ = self.create_token(session, _FOREVER_S)
        session.flush()
        write_private(self._token_file, token.encode() + b"\n")

    def enrol(self, session: Session, request: EnrolRequest) -> EnrolReply:
        """Let a recording server join; raise NotPermitted or BadCertificate."""
        row = session.get(EnrolmentTokenRow, token_hash(request.token))
        if row is None or row.expires_s <= self._now_s():
            audit.warning("enrolment refused", extra={"daemon": request.name, "reason": "unknown or used token"})
            raise NotPermitted("the enrolment token is unknown, used or expired")
        certificate_pem = sign_request(self._authority, request.csr_pem.encode(), request.hosts)
        session.delete(row)
        session.flush()
        properties = {"name": request.name, "hostName": request.hosts[0], "portNumber": request.media_port}
        recorder = self._items.create(session, validated(RecordingServer, properties), self._site_id)
        self._items.create(session, validated(Storage, {"name": "Local default"}), recorder.id)
        secret = secrets.token_urlsafe(32)
        session.add(
            DaemonRow(
                id=recorder.id, kind=request.kind, secret_hash=token_hash(secret), hosts=json.dumps(request.hosts)
            )
        )
        self.keep_token_file(session)
        audit.info("recording server enrolled", extra={"recorder_id": recorder.id, "recorder": request.name})
        return EnrolReply(
            id=recorder.id,
            certificate_pem=certificate_pem.decode(),
            ca_pem=self._authority.certificate_pem.decode(),
            client_id=recorder.id,
            client_secret=secret,
            issuer=self._issuer,
        )

    def renew(self, session: Session, recorder_id: str, request: RenewRequest) -> RenewReply:
        """Give an enrolled recorder a fresh certificate; raise NoSuchItem or BadCertificate."""
        self._items.get(session, RecordingServer, recorder_id)
        certificate_pem = sign_request(self._authority, request.csr_pem.encode(), request.hosts)
        row = session.get(DaemonRow, recorder_id)
        if row is not None:
            row.hosts = json.dumps(request.hosts)
        audit.info("certificate renewed", extra={"recorder_id": recorder_id})
        return RenewReply(certificate_pem=certificate_pem.decode(), ca_pem=self._authority.certificate_pem.decode())

    def differs(self, session: Session, recorder_id: str, status: RecorderStatus) -> bool:
        """Tell whether a report says anything that the configuration does not; raise NoSuchItem."""
        item = self._items.get(session, RecordingServer, recorder_id).item
        return (item.host_name, item.port_number, item.version) != (status.address, status.port, status.version)

    def keep_status(self, session: Session, recorder_id: str, status: RecorderStatus) -> None:
        changes = {"hostName": status.address, "portNumber": status.port, "version": status.version}
        self._items.update(session, RecordingServer, recorder_id, changes)


def hosts_of_recorder(session: Session, recorder_id: str) -> frozenset[str]:
    """Return the names that a recorder's certificate is for."""
    row = session.get(DaemonRow, recorder_id)
    return frozenset(json.loads(row.hosts)) if row is not None else frozenset()
