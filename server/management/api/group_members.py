"""`/cameraGroups/{id}/cameras` and the like: lists the devices of a group, puts them in and takes them out."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.model.permissions import Verb
from common.net.tokens import Principal
from server.management.api.answers import WrongMethod, read_object
from server.management.api.envelope import Envelope
from server.management.api.locks import lock_end
from server.management.configuration.groups import Group, add_member, group_of, members, remove_member
from server.management.configuration.items import InvalidProperties
from server.management.services import Services


def named(segments: list[str]) -> Group | None:
    """Return the group whose members a path, cut at its slashes, is about; None when it is about something else."""
    return group_of(segments[0], segments[1], segments[2]) if len(segments) in (3, 4) else None


async def answer(services: Services, who: Principal, group: Group, segments: list[str], request: Request) -> Response:
    """Answer a request about a group's members."""
    run = services.database_pool.run
    match request.method, len(segments):
        case "GET", 3:
            return JSONResponse({"array": await run(_members, services, who, group)})
        case "POST", 3:
            device = _named_device(await read_object(request))
            await run(_change, services, who, group, device, add_member)
            path = {"type": group.member.kind.plural, "id": device}
            return JSONResponse({"result": {"state": "Success", "path": path}}, HTTPStatus.CREATED)
        case "DELETE", 4:
            await run(_change, services, who, group, segments[3], remove_member)
            return JSONResponse({"state": "Success"})
    raise WrongMethod("Members of a group are listed, put in with POST and taken out with DELETE.")


def _members(services: Services, who: Principal, group: Group) -> list[dict[str, Any]]:
    with services.database.read() as session:
        services.authority.need(session, who, Verb.READ, group.model, group.id)
        may_see = services.authority.seen(session, who, group.member)
        envelope = Envelope(session, services.items, services.statuses, lock_end=lock_end(services))
        return [envelope.item(each) for each in members(session, services.items, group) if may_see(each.id)]


def _change(services: Services, who: Principal, group: Group, device: str, change: Any) -> None:
    with services.database.write() as session:
        services.authority.need(session, who, Verb.WRITE, group.model, group.id)
        change(session, services.items, group, device)


def _named_device(body: Mapping[str, Any]) -> str:
    """Read a device's id: `id`, or a path in `itemSelection` or `path`."""
    for name in ("id", "itemSelection", "path"):
        value = body.get(name)
        if isinstance(value, Mapping):
            value = value.get("id")
        if isinstance(value, str) and value:
            return value.rpartition("/")[2].rpartition("[")[2].rstrip("]").lower()
    raise InvalidProperties({"id": "A device is required."})
