"""One call of an operation, with all that answering it may need."""

from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy.orm import Session

from common.net.tokens import Principal
from server.management.configuration.items import Items
from server.management.identity.authority import Authority
from server.management.identity.vms_tokens import VmsTokens
from server.management.soap.devices import SeenDevices, WebAddress
from server.management.soap.envelope import Call
from server.management.soap.seen import Seen


class Proof(Enum):
    """What tells who asks: the HTTP request's own sign-in, the parameter `token`, or nothing."""

    SIGN_IN = auto()
    TOKEN = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """`host`: the name by which the client reached this server. `session_id`: the session that a new token ends with.
    Within the caller's transaction, which may write where the operation says so."""

    call: Call
    who: Principal
    session: Session
    session_id: str
    host: str
    items: Items
    authority: Authority
    tokens: VmsTokens
    site_id: str
    address: WebAddress

    def seen(self) -> Seen:
        """Return what whoever asks may see."""
        return Seen(self.session, self.items, self.authority, self.who)

    def devices(self) -> SeenDevices:
        return SeenDevices(self.seen(), self.address)
