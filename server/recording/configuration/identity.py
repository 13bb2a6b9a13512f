"""Who this recorder is: its id, certificate and account at management, kept in `<data>/recording/identity`."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from common.api.enrolment import EnrolReply
from common.foundation.errors import VmsError
from common.foundation.ids import RecorderId
from common.foundation.places import write_private


class IdentityDamaged(VmsError):
    """The recorder's identity cannot be read; only joining the site again helps."""

    message_key = "error.recorder_identity_damaged"


@dataclass(frozen=True, slots=True)
class Identity:
    """A recorder that has joined a site."""

    folder: Path
    id: RecorderId
    ca_pem: str
    client_id: str
    client_secret: str

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


def identity_folder(data: Path) -> Path:
    """Return where a recorder's identity is kept."""
    return data / "recording" / "identity"


def load_identity(data: Path) -> Identity | None:
    """Return the identity, or None when this recorder has joined no site yet. Raises IdentityDamaged."""
    folder = identity_folder(data)
    account = folder / "account.json"
    try:
        text = account.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as failed:
        raise IdentityDamaged(str(failed), path=str(folder)) from failed
    try:
        reply = EnrolReply.model_validate_json(text)
    except (ValueError, ValidationError) as wrong:
        raise IdentityDamaged(f"{account.name}: {type(wrong).__name__}", path=str(folder)) from None
    identity = Identity(folder, RecorderId(reply.id), reply.ca_pem, reply.client_id, reply.client_secret)
    for needed in (identity.certificate, identity.key):
        if not needed.is_file():
            raise IdentityDamaged(f"{needed.name} is missing", path=str(folder))
    return identity


def save_identity(data: Path, reply: EnrolReply, key_pem: bytes) -> Identity:
    """Keep what management gave us. The account is written last: without it the rest does not count."""
    folder = identity_folder(data)
    write_private(folder / "key.pem", key_pem)
    write_private(folder / "certificate.pem", reply.certificate_pem.encode())
    write_private(folder / "account.json", reply.model_dump_json().encode())
    return Identity(folder, RecorderId(reply.id), reply.ca_pem, reply.client_id, reply.client_secret)
