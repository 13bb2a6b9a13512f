"""`/api/rest/v1/storageInformation/{id}` and `archiveStorageInformation/{id}`: what recorders last said of storages."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.api.storage_status import StageStatus
from common.foundation.clock import UtcUs
from common.model.item import UNSET_TIME
from common.model.permissions import Verb
from common.model.servers import ArchiveStorage, Storage
from common.net.tokens import Principal
from server.management.api.answers import UnknownResource, WrongMethod
from server.management.api.envelope import api_time
from server.management.services import Services

_MODELS: dict[str, type[Storage] | type[ArchiveStorage]] = {
    "storageinformation": Storage,
    "archivestorageinformation": ArchiveStorage,
}


def answers(segments: Sequence[str]) -> bool:
    """Whether a path, cut at its slashes, is one of ours."""
    return segments[0].lower() in _MODELS


async def answer(services: Services, who: Principal, segments: Sequence[str], request: Request) -> Response:
    """Answer a request for one of our paths."""
    if request.method != "GET":
        raise WrongMethod(f"{segments[0]} can only be read.")
    if len(segments) != 2:
        raise UnknownResource("/".join(segments)[:200])
    return JSONResponse({"data": await services.database_pool.run(_information, services, who, segments)})


def _information(services: Services, who: Principal, segments: Sequence[str]) -> dict[str, Any]:
    model = _MODELS[segments[0].lower()]
    identifier = segments[1].lower()
    with services.database.read() as session:
        services.authority.need(session, who, Verb.READ, model, identifier)
        stored = services.items.get(session, model, identifier)
    resource = "storageInformation" if model is Storage else "archiveStorageInformation"
    return {
        "displayName": stored.item.name,
        "id": stored.id,
        **_shown(services.statuses.stage(stored.id)),
        "relations": {
            "self": {"type": resource, "id": stored.id},
            "parent": {"type": model.kind.plural, "id": stored.id},
        },
    }


def _shown(status: StageStatus | None) -> dict[str, Any]:
    """Sizes are bytes. A storage that its recorder does not speak of is not available."""
    if status is None:
        status = StageStatus(id="", available=False, mounted=False, updated_us=0)
    held = status.held
    return {
        "usedSpace": status.used_bytes,
        "lockedUsedSpace": status.locked_bytes,
        "freeSpace": status.free_bytes,
        "isAvailable": status.available,
        "isMounted": status.mounted,
        "anyTablesWithData": status.segments > 0,
        "lastUpdated": _time(status.updated_us or None),
        "oldestRecording": _time(status.oldest_us),
        "lostBytes": status.lost_bytes,
        "problem": status.problem,
        "deletionHeld": None
        if held is None
        else {
            "segments": held.segments,
            "of": held.of,
            "since": _time(held.since_us),
            "confirmed": held.confirmed,
        },
    }


def _time(at: int | None) -> str:
    return UNSET_TIME if at is None else api_time(UtcUs(at))
