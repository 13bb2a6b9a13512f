"""Permissions over HTTP: what there are, what a caller may do, and what roles are given.

`securityNamespaces` and `effectivePermissions/{namespace}` are as existing integrations know them. Our own is
`roles/{id}/permissions`: GET lists a role's grants, PUT replaces those on one item (without an item: on all of the
namespace).
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.model.item import problems_of
from common.model.permissions import BY_ID, LABELS, NAMESPACES, OVERALL, Namespace, Verb
from common.model.users import ADMINISTRATORS_ROLE_ID, Role
from common.net.tokens import Principal
from server.management.api.answers import UnknownResource, WrongMethod, read_object
from server.management.api.callers import need_administrator
from server.management.configuration.items import InvalidProperties
from server.management.identity.permissions import RoleGrant
from server.management.services import Services

audit = logging.getLogger("server.management.audit")

_MOST_ASKED = 10_000
_Id = Annotated[str, Field(max_length=36)]


class GivenGrant(BaseModel):
    """What a role is to be allowed and denied. Without `item`: on all items of the namespace."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)
    security_namespace: _Id
    item: _Id = OVERALL
    allow: tuple[Verb, ...] = ()
    deny: tuple[Verb, ...] = ()
    time_profile: _Id = ""


def answers(segments: list[str]) -> bool:
    """Whether a path, cut at its slashes, is one of ours."""
    words = [segment.lower() for segment in segments]
    return words[0] in ("securitynamespaces", "effectivepermissions") or (
        len(words) == 3 and words[0] == "roles" and words[2] == "permissions"
    )


async def answer(services: Services, who: Principal, segments: list[str], request: Request) -> Response:
    """Answer a request for one of our paths."""
    word = segments[0].lower()
    if word == "roles":
        return await _role(services, who, segments[1].lower(), request)
    if request.method != "GET":
        raise WrongMethod(f"{segments[0]} can only be read.")
    if len(segments) == 1 and word == "securitynamespaces":
        return JSONResponse({"array": [_shown(namespace) for namespace in NAMESPACES]})
    if len(segments) != 2:
        raise UnknownResource("/".join(segments)[:200])
    namespace = BY_ID.get(segments[1].lower())
    if namespace is None:
        raise UnknownResource(f"{segments[0]}/{segments[1]}"[:200])
    if word == "securitynamespaces":
        return JSONResponse({"data": _shown(namespace)})
    asked = [part.strip().lower() for part in request.query_params.get("objectIds", "").split(",") if part.strip()]
    if len(asked) > _MOST_ASKED:
        raise InvalidProperties({"objectIds": f"At most {_MOST_ASKED} can be asked for at once."})
    masks = await services.database_pool.run(_masks, services, who, namespace, asked)
    permissions = [{"id": identifier, "mask": mask} for identifier, mask in masks.items()]
    data = {"id": namespace.id, "isAdministrator": who.is_administrator, "objectPermissions": permissions}
    return JSONResponse({"data": data})


async def _role(services: Services, who: Principal, role_id: str, request: Request) -> Response:
    run = services.database_pool.run
    if request.method == "GET":
        return JSONResponse({"array": await run(_grants, services, who, role_id)})
    if request.method != "PUT":
        raise WrongMethod("The permissions of a role are read with GET and changed with PUT.")
    need_administrator(who, f"change the permissions of role {role_id}"[:200])
    body = await read_object(request)
    grant = checked_grant(body)
    if role_id == ADMINISTRATORS_ROLE_ID:
        raise InvalidProperties({"": "Administrators may do everything; that cannot be changed."})
    await run(_change, services, role_id, grant)
    audit.info(
        "permissions changed",
        extra={"user": who.name, "user_id": who.user_id, "item": f"roles/{role_id}", "properties": body},
    )
    return JSONResponse({"array": await run(_grants, services, who, role_id)})


def checked_grant(body: Mapping[str, Any]) -> RoleGrant:
    """Make sense of a grant; raise InvalidProperties."""
    try:
        given = GivenGrant.model_validate(dict(body))
    except ValidationError as error:
        raise InvalidProperties(problems_of(error)) from error
    namespace = BY_ID.get(given.security_namespace.lower())
    if namespace is None:
        raise InvalidProperties({"securityNamespace": "There is no such security namespace."})
    for name, verbs in (("allow", given.allow), ("deny", given.deny)):
        senseless = [verb for verb in verbs if verb not in namespace.bits]
        if senseless:
            raise InvalidProperties({name: f"{namespace.label} know no {', '.join(senseless)}."})
    return RoleGrant(
        namespace.id,
        given.item.lower(),
        namespace.mask(*given.allow),
        namespace.mask(*given.deny),
        given.time_profile.lower(),
    )


def _masks(services: Services, who: Principal, namespace: Namespace, asked: Iterable[str]) -> dict[str, int]:
    with services.database.read() as session:
        return {one: services.authority.mask(session, who, namespace, one) for one in asked}


def _grants(services: Services, who: Principal, role_id: str) -> list[dict[str, Any]]:
    with services.database.read() as session:
        services.authority.need(session, who, Verb.READ, Role, role_id)
        return [
            {
                "securityNamespace": grant.namespace,
                "item": grant.item,
                "allow": _verbs(grant.namespace, grant.allow),
                "deny": _verbs(grant.namespace, grant.deny),
                "timeProfile": grant.profile,
            }
            for grant in services.role_permissions.of_role(session, role_id)
        ]


def _change(services: Services, role_id: str, grant: RoleGrant) -> None:
    with services.database.write() as session:
        services.role_permissions.change(session, role_id, grant)


def _verbs(namespace_id: str, mask: int) -> list[str]:
    namespace = BY_ID.get(namespace_id)
    return [] if namespace is None else [verb.value for verb, bit in namespace.bits.items() if mask & bit]


def _shown(namespace: Namespace) -> dict[str, Any]:
    actions = [
        {"name": verb.value, "displayName": LABELS[verb], "visible": True, "securityMask": bit}
        for verb, bit in namespace.bits.items()
    ]
    return {
        "id": namespace.id,
        "name": namespace.name,
        "displayName": namespace.label,
        "resourceTypes": list(namespace.resources),
        "userDefined": False,
        "securityActions": actions,
        "relations": {"self": {"type": "securityNamespaces", "id": namespace.id}},
    }
