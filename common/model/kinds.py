"""Every kind of configuration item, by the name of its REST resource."""

from collections.abc import Mapping

from common.model.devices import Camera, Hardware, Microphone
from common.model.identity import Directory, LoginProvider, RegisteredClaim, RoleClaim
from common.model.item import Item
from common.model.servers import ArchiveStorage, RecordingServer, Storage
from common.model.site import Site
from common.model.users import BasicUser, Role

ALL: tuple[type[Item], ...] = (
    Site,
    RecordingServer,
    Storage,
    ArchiveStorage,
    Hardware,
    Camera,
    Microphone,
    BasicUser,
    Role,
    RoleClaim,
    Directory,
    LoginProvider,
    RegisteredClaim,
)
BY_PLURAL: Mapping[str, type[Item]] = {model.kind.plural: model for model in ALL}


def children_of(plural: str) -> tuple[type[Item], ...]:
    """Return the kinds whose items stand below items of `plural`."""
    return tuple(model for model in ALL if model.kind.parent == plural)
