"""Who may do what: the words of permissions, and the one function that decides.

A role is granted verbs on an item, on what an item stands in (its hardware, its groups), or on everything of a
namespace. What a user may do is the union over its roles; a denial anywhere wins over every permission; and nothing
at all is possible with an item that may not be seen (`READ`). The numbers are as existing integrations know them: a
verb is a bit, an effective permission their OR (`effectivePermissions`). Bits are for ever: append, never reorder.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Verb(StrEnum):
    """What can be permitted."""

    READ = "GENERIC_READ"
    WRITE = "GENERIC_WRITE"
    VIEW_LIVE = "VIEW_LIVE"
    PLAYBACK = "PLAYBACK"
    EXPORT = "EXPORT"
    RECORD = "MANUAL_RECORDING"
    PTZ = "PTZ_CONTROL"
    PRESETS = "PTZ_PRESETS"
    SMART_SEARCH = "SMART_SEARCH"
    SEE_BOOKMARKS = "BOOKMARK_VIEW"
    BOOKMARK = "BOOKMARK_EDIT"
    SEE_LOCKS = "EVIDENCE_LOCK_VIEW"
    LOCK = "EVIDENCE_LOCK_CREATE"
    UNLOCK = "EVIDENCE_LOCK_REMOVE"
    LIFT_MASKS = "PRIVACY_MASK_LIFT"
    FETCH_EDGE = "RETRIEVE_EDGE_RECORDINGS"
    SPEAK = "SPEAK"
    ACTIVATE = "ACTIVATE"
    OPERATE = "OPERATE"
    CREATE = "CREATE"
    DELETE = "DELETE"


LABELS: Mapping[Verb, str] = {
    Verb.READ: "See",
    Verb.WRITE: "Change the settings",
    Verb.VIEW_LIVE: "Watch and hear live",
    Verb.PLAYBACK: "Play back",
    Verb.EXPORT: "Export",
    Verb.RECORD: "Start and stop recording by hand",
    Verb.PTZ: "Move the camera",
    Verb.PRESETS: "Change presets",
    Verb.SMART_SEARCH: "Search for motion",
    Verb.SEE_BOOKMARKS: "See bookmarks",
    Verb.BOOKMARK: "Create and change bookmarks",
    Verb.SEE_LOCKS: "See evidence locks",
    Verb.LOCK: "Lock evidence",
    Verb.UNLOCK: "Unlock evidence",
    Verb.LIFT_MASKS: "Lift privacy masks",
    Verb.FETCH_EDGE: "Fetch recordings from the camera",
    Verb.SPEAK: "Speak",
    Verb.ACTIVATE: "Switch",
    Verb.OPERATE: "Use",
    Verb.CREATE: "Create",
    Verb.DELETE: "Delete",
}

_RECORDED = (
    Verb.READ, Verb.WRITE, Verb.VIEW_LIVE, Verb.PLAYBACK, Verb.EXPORT, Verb.RECORD, Verb.PTZ, Verb.PRESETS,
    Verb.SMART_SEARCH, Verb.SEE_BOOKMARKS, Verb.BOOKMARK, Verb.SEE_LOCKS, Verb.LOCK, Verb.UNLOCK, Verb.LIFT_MASKS,
    Verb.FETCH_EDGE,
)  # fmt: skip
_KEPT = (Verb.READ, Verb.WRITE, Verb.CREATE, Verb.DELETE, Verb.OPERATE)


@dataclass(frozen=True, slots=True)
class Namespace:
    """Kinds of items that the same verbs make sense for. `id` is as the API names it."""

    id: str
    name: str
    label: str
    resources: tuple[str, ...]
    verbs: tuple[Verb, ...]
    bits: Mapping[Verb, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", {verb: 1 << place for place, verb in enumerate(self.verbs)})

    def mask(self, *verbs: Verb) -> int:
        """Return the verbs' bits, OR-ed. Raises KeyError for a verb that makes no sense here."""
        return sum(self.bits[verb] for verb in set(verbs))

    @property
    def everything(self) -> int:
        """All verbs' bits."""
        return (1 << len(self.verbs)) - 1


CAMERAS = Namespace("623d03f8-c5d5-46bc-a2f4-4c03562d4f85", "Cameras", "Cameras", ("cameras",), _RECORDED)
MICROPHONES = Namespace(
    "04cf70da-9948-4bef-b6b8-7cf53e275440", "Microphones", "Microphones", ("microphones",), _RECORDED
)
METADATA = Namespace("7ac7437a-f141-4dc1-a337-9b04b3be45c2", "Metadata", "Metadata", ("metadata",), _RECORDED)
SPEAKERS = Namespace(
    "404d9fbc-39b8-483d-9dd2-f528f34f4adb", "Speakers", "Speakers", ("speakers",), (*_RECORDED, Verb.SPEAK)
)
SWITCHES = Namespace(
    "c32016c8-a77f-43c6-9428-130d681315ad",
    "InputsAndOutputs",
    "Inputs and outputs",
    ("inputEvents", "outputs"),
    (Verb.READ, Verb.WRITE, Verb.ACTIVATE),
)
VIEWS = Namespace("7e4ba612-af3a-4ae9-bd71-9cda139b1512", "ViewGroups", "Views", ("viewGroups", "views"), _KEPT)
WALLS = Namespace("d6e173f4-7dba-4092-96a3-3bae692102d3", "SmartWalls", "Video walls", ("videoWalls", "matrix"), _KEPT)
SERVERS = Namespace(
    "66d36969-ee95-4fa3-a6d6-584205b02ce4",
    "Servers",
    "Servers and hardware",
    ("sites", "recordingServers", "hardware", "storages", "archiveStorages"),
    _KEPT,
)
SECURITY = Namespace(
    "4e3dfc85-e9ed-43fe-82ae-31f7fcb8a968",
    "Security",
    "Users and roles",
    ("basicUsers", "roles", "users", "claims", "directories", "loginProviders", "registeredClaims"),
    _KEPT,
)

NAMESPACES: tuple[Namespace, ...] = (
    CAMERAS, MICROPHONES, SPEAKERS, METADATA, SWITCHES, VIEWS, WALLS, SERVERS, SECURITY,
)  # fmt: skip
BY_ID: Mapping[str, Namespace] = {namespace.id: namespace for namespace in NAMESPACES}
BY_RESOURCE: Mapping[str, Namespace] = {plural: each for each in NAMESPACES for plural in each.resources}

OVERALL = ""
"""The item of a grant that holds for a whole namespace."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role is allowed and denied on one item. `role` is its name in tokens, `item` an id or `OVERALL`.

    `profile`: id of a time profile; the grant holds only within it.
    """

    role: str
    namespace: str
    item: str
    allow: int = 0
    deny: int = 0
    profile: str = ""


Active = Callable[[str], bool | None]
"""Says whether a time profile, by id, holds now. None: nobody knows it (any more)."""


def effective(grants: Iterable[Grant], active: Active) -> int:
    """Return what grants that concern one item add up to.

    A profile that nobody knows never widens what may be done: its permissions do not count, its denials do.
    """
    allowed = denied = 0
    for grant in grants:
        holds = active(grant.profile) if grant.profile else True
        if holds:
            allowed |= grant.allow
        if holds is not False:
            denied |= grant.deny
    return allowed & ~denied


class Permissions:
    """Grants, arranged for questions. Does not change, so any thread may ask."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._grants: dict[tuple[str, str], dict[str, list[Grant]]] = defaultdict(dict)
        for grant in grants:
            self._grants[grant.role, grant.namespace].setdefault(grant.item, []).append(grant)

    def mask(self, roles: Iterable[str], namespace: Namespace, within: Sequence[str], active: Active) -> int:
        """Return the verbs that a user with these roles may do, as bits.

        `within`: the item's id, and those of all that it stands in (hardware, groups); what holds for the whole
        namespace is looked up as well.
        """
        found: list[Grant] = []
        for role in roles:
            of_role = self._grants.get((role, namespace.id))
            if of_role is not None:
                for item in (OVERALL, *within):
                    found += of_role.get(item, ())
        mask = effective(found, active)
        return mask if mask & namespace.bits[Verb.READ] else 0

    def anywhere(self, verb: Verb, roles: Iterable[str], namespace: Namespace) -> bool:
        """Return whether a user with these roles is allowed a thing with at least one item, perhaps at other times."""
        bit = namespace.bits.get(verb, 0)
        return any(
            grant.allow & bit
            for role in roles
            for grants in self._grants.get((role, namespace.id), {}).values()
            for grant in grants
        )

    def may(
        self, verb: Verb, roles: Iterable[str], namespace: Namespace, within: Sequence[str], active: Active
    ) -> bool:
        """Return whether a user with these roles may do one thing with one item. A senseless verb is never allowed."""
        return bool(self.mask(roles, namespace, within, active) & namespace.bits.get(verb, 0))


def operators_grants(role: str) -> tuple[Grant, ...]:
    """Return what a role of operators is allowed on a new site: to watch, hear, search, keep and give out."""
    watching = (
        Verb.READ, Verb.VIEW_LIVE, Verb.PLAYBACK, Verb.EXPORT, Verb.RECORD, Verb.PTZ, Verb.SMART_SEARCH,
        Verb.SEE_BOOKMARKS, Verb.BOOKMARK, Verb.SEE_LOCKS, Verb.LOCK,
    )  # fmt: skip
    allowed = {
        CAMERAS: watching,
        MICROPHONES: watching,
        METADATA: watching,
        SPEAKERS: (*watching, Verb.SPEAK),
        SWITCHES: (Verb.READ, Verb.ACTIVATE),
        VIEWS: (Verb.READ, Verb.OPERATE),
        WALLS: (Verb.READ, Verb.OPERATE),
        SERVERS: (Verb.READ,),
    }
    return tuple(Grant(role, each.id, OVERALL, each.mask(*verbs)) for each, verbs in allowed.items())
