"""Tasks of items (`POST ...?task=Name`), long tasks, and who is in a role."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.clients.media_asking import QUESTION, RecorderRefused
from common.model.devices import Hardware
from common.model.item import Item
from common.model.servers import RecordingServer, Storage
from common.model.users import BasicUser, Role
from common.net.tokens import Principal
from common.protocols.media_channel.messages import DeletionConfirm
from server.management.api import identity_tasks, role_members
from server.management.api.answers import BadRequest, UnknownResource, WrongMethod, read_object
from server.management.api.callers import need_administrator
from server.management.api.changing import changed
from server.management.api.recorder_refusals import in_our_words
from server.management.api.tasks import LongTask
from server.management.configuration.hardware import NewHardware, add_hardware, read_new_hardware
from server.management.configuration.items import InvalidProperties
from server.management.configuration.storages import check_storages, encryption_changes, set_default
from server.management.registration.recorder_questions import AskedRecorder
from server.management.services import Services

audit = logging.getLogger("server.management.audit")

_DONE = {"result": {"state": "Success"}}


async def start(
    services: Services,
    who: Principal,
    model: type[Item],
    identifier: str,
    *,
    name: str,
    body: Mapping[str, Any],
    token: str = "",
) -> Response:
    """Do a task of an item, or begin it if it is a long one."""
    known = next((task for task in model.kind.tasks if task.lower() == name.lower()), None)
    if known is None or not identifier:
        raise BadRequest(f"{model.kind.plural} have no task {name[:80]}.")
    audit.info("task", extra={"user": who.name, "user_id": who.user_id, "task": known, "item": identifier})
    run = services.database_pool.run
    match known:
        case "AddHardware":
            new = read_new_hardware(body)
            await run(_need, services, RecordingServer, identifier)
            task = services.tasks.start(known, who.user_id, _add_hardware(services, identifier, new))
            return JSONResponse({"result": {"state": task.state, "path": {"type": "tasks", "id": task.id}}})
        case "ReadPasswordHardware":
            raise BadRequest("Passwords of devices are not given out.")
        case "ChangePasswordHardware":
            if body.get("updatePasswordOnDevice") is True:
                raise BadRequest("The password cannot be changed on the device itself yet; change it there first.")
            await changed(services, Hardware, identifier, {"password": body.get("password")}, None)
        case "ChangePasswordBasicUser":
            await run(_need, services, BasicUser, identifier)
            await changed(services, BasicUser, identifier, {"password": body.get("password")}, None)
        case "SetStorageAsDefault":
            await run(_set_default, services, identifier)
        case "EnableEncryption" | "DisableEncryption" | "ChangeEncryptionMethod" | "ChangeEncryptionKey":
            await run(_change_encryption, services, identifier, known, body)
        case "ConfirmDeletion":
            await _confirm_deletion(services, identifier, token)
        case "ChangeDeviceRecordingStorage":
            if body.get("moveData") is True:
                raise BadRequest("What is recorded already stays where it is, and is played from there.")
            storage = {"type": "storages", "id": _path_id(body, "itemSelection", "A storage")}
            await changed(services, model, identifier, {"recordingStorage": storage}, None)
        case "AddRoleMember":
            await role_members.add_member(services, identifier, _member_id(body, "sid"))
        case "RemoveRoleMember":
            await run(role_members.remove_member, services, identifier, _member_id(body, "itemSelection"))
        case "ResetSecondFactor":
            await identity_tasks.reset_second_factor(services, who, identifier)
        case "TestDirectory":
            await identity_tasks.test_directory(services, identifier)
        case "FindDirectoryMembers":
            found = await identity_tasks.find_members(services, identifier, body)
            return JSONResponse({"result": {"state": "Success", "members": found}})
        case _:
            raise WrongMethod(f"The task {known} cannot be started here.")
    return JSONResponse(_DONE)


async def role_users(services: Services, who: Principal, role_id: str, request: Request) -> Response:
    """`/roles/{id}/users`: list, and the member tasks as existing clients address them."""
    if request.method == "GET":
        return JSONResponse({"array": await services.database_pool.run(role_members.members, services, who, role_id)})
    task = request.query_params.get("task", "")
    if request.method != "POST" or not task:
        raise WrongMethod("Members of a role are changed with the tasks AddRoleMember and RemoveRoleMember.")
    need_administrator(who, f"task {task} of roles"[:200])
    return await start(services, who, Role, role_id, name=task, body=await read_object(request))


async def tasks(services: Services, who: Principal, segments: list[str], request: Request) -> Response:
    """`/tasks` and `/tasks/{id}`: a task is its starter's, and administrators'."""
    if not segments:
        need_administrator(who, "list tasks")
        return JSONResponse({"array": [_shown(task) for task in services.tasks.all()]})
    task = services.tasks.get(segments[0]) if len(segments) == 1 else None
    if task is None or (task.owner_id != who.user_id and not who.is_administrator):
        raise UnknownResource(f"tasks/{'/'.join(segments)}"[:200])
    if request.method == "GET":
        return JSONResponse({"data": _shown(task)})
    match request.query_params.get("task", "").lower():
        case "taskcleanup" if request.method == "POST":
            services.tasks.clean_up(task)
        case "taskstop" if request.method == "POST":
            services.tasks.stop(task)
        case _:
            raise WrongMethod("A task knows TaskCleanup and TaskStop.")
    return JSONResponse(_DONE, HTTPStatus.OK)


async def _add_hardware(services: Services, recorder_id: str, new: NewHardware) -> tuple[str, str]:
    return "hardware", await services.database_pool.run(_store_hardware, services, recorder_id, new)


def _store_hardware(services: Services, recorder_id: str, new: NewHardware) -> str:
    with services.database.write() as session:
        return add_hardware(session, services.items, recorder_id, new)


def _change_encryption(services: Services, identifier: str, task: str, body: Mapping[str, Any]) -> None:
    with services.database.write() as session:
        changes = encryption_changes(services.items.get(session, Storage, identifier), task, body)
        check_storages(session, services.items, services.items.update(session, Storage, identifier, changes))


async def _confirm_deletion(services: Services, identifier: str, token: str) -> None:
    recorder, storage = await services.database_pool.run(_recorder_of, services, identifier, token)
    try:
        await recorder.ask(DeletionConfirm(QUESTION, storage))
    except RecorderRefused as refused:
        raise in_our_words(refused) from refused


def _recorder_of(services: Services, identifier: str, token: str) -> tuple[AskedRecorder, str]:
    with services.database.read() as session:
        storage = services.items.get(session, Storage, identifier)
        asked = services.questions.recorders(session, token)
        return next(each for each in asked if each.id == storage.parent_id), storage.id


def _set_default(services: Services, identifier: str) -> None:
    with services.database.write() as session:
        set_default(session, services.items, identifier)


def _need(services: Services, model: type[Item], identifier: str) -> None:
    with services.database.read() as session:
        services.items.get(session, model, identifier)


def _member_id(body: Mapping[str, Any], name: str) -> str:
    """Read whom a role is given to: an id or SID, bare or as the path `users/<id>` or `User[<id>]`, or a name."""
    value = body.get(name)
    if isinstance(value, str) and "/" not in value and "[" not in value and value.strip():
        return value.strip()
    return _path_id(body, name, "A user")


def _path_id(body: Mapping[str, Any], name: str, what: str) -> str:
    value = body.get(name)
    if isinstance(value, Mapping):
        value = value.get("id")
    if not isinstance(value, str) or not value:
        raise InvalidProperties({name: f"{what} is required."})
    return value.rpartition("/")[2].rpartition("[")[2].rstrip("]").lower()


def _shown(task: LongTask) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "displayName": task.name,
        "id": task.id,
        "progress": task.progress,
        "state": task.state,
        "errorCode": 1 if task.state == "Error" else 0,
        "errorText": task.error_text,
        "errorProperty": task.error_property,
        "relations": {"self": {"type": "tasks", "id": task.id}},
    }
    if task.made:
        shown["path"] = task.made
    return shown
