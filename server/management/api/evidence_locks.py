"""`/api/rest/v1/evidenceLocks`: the recorders hold the locks and decide who may; this asks all that are concerned.

A lock of devices of several recorders has the same id on each. Failures have no `error` envelope here, as existing
integrations expect of this resource.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.api.evidence import ShownLock
from common.clients.evidence import RecorderLocks
from common.foundation.catalog import explain
from common.foundation.clock import UtcUs
from common.foundation.errors import ServerUnreachable, VmsError
from common.foundation.ids import DeviceId, new_id
from common.model.devices import Camera, Hardware, Microphone
from server.management.api.answers import UnknownResource, WrongMethod, failed, read_object
from server.management.api.callers import bearer
from server.management.api.lock_profiles import Choices, check_choice, choices_of
from server.management.api.lock_words import Merged, given_devices, lock_patch, lock_request, shown_lock, wanted
from server.management.api.recorder_refusals import in_our_words
from server.management.configuration.items import InvalidProperties, Stored
from server.management.registration.recorder_questions import AskedRecorder, ask_each
from server.management.services import Services

RESOURCE = "evidencelocks"


@dataclass(frozen=True, slots=True)
class _Site:
    """What there is when a request comes. `kinds` and `places`: each device's resource, and the recorder it is on.
    `choices`: of how long the caller may lock."""

    recorders: Sequence[AskedRecorder]
    kinds: Mapping[str, str]
    places: Mapping[str, str]
    choices: Choices

    def by_recorder(self, devices: Iterable[DeviceId]) -> dict[str, tuple[DeviceId, ...]]:
        """Return devices by where they are; raise InvalidProperties for an unknown one."""
        found: dict[str, tuple[DeviceId, ...]] = {}
        for device in devices:
            recorder = self.places.get(device)
            if recorder is None:
                raise InvalidProperties({"devicePaths": f"There is no camera or microphone {device[:80]}."})
            found[recorder] = (*found.get(recorder, ()), device)
        return found

    def of(self, ids: Iterable[str]) -> list[AskedRecorder]:
        wanted_ids = set(ids)
        return [each for each in self.recorders if each.id in wanted_ids]

    def problems(self, failures: Mapping[str, VmsError]) -> dict[str, Any]:
        """What a caller must know beside the answer: recorders that did not take part, each with the reason."""
        rows = [
            {
                "recordingServer": {"type": "recordingServers", "id": each.id},
                "name": each.name,
                "errorText": explain(failures[each.id]),
            }
            for each in self.of(failures)
        ]
        return {"problems": rows} if rows else {}


def _site(services: Services, token: str) -> _Site:
    with services.database.read() as session:
        hardware = {each.id: each.parent_id or "" for each in services.items.list(session, Hardware)}
        devices: list[Stored[Any]] = [*services.items.list(session, Camera), *services.items.list(session, Microphone)]
        return _Site(
            services.questions.recorders(session, token),
            {each.id: type(each.item).kind.plural for each in devices},
            {each.id: hardware.get(each.parent_id or "", "") for each in devices},
            choices_of(services.items, session, services.sessions.principal(session, token)),
        )


async def answer(services: Services, segments: Sequence[str], request: Request) -> Response:
    """Answer a request for this resource; `segments` begin with its name. The caller is known to be signed in."""
    try:
        return await _answer(services, [each.lower() for each in segments[1:]], request)
    except VmsError as error:
        answered = failed(error)
        body = json.loads(bytes(answered.body))
        return JSONResponse(body.get("error", body), answered.status_code)


async def _answer(services: Services, rest: Sequence[str], request: Request) -> Response:
    if len(rest) > 1:
        raise UnknownResource("/".join(("evidenceLocks", *rest))[:200])
    site = await services.database_pool.run(_site, services, bearer(request))
    task = request.query_params.get("task", "").lower()
    match request.method, bool(rest):
        case "GET", False:
            return await _list(site, {})
        case "POST", False if task == "search":
            return await _list(site, await read_object(request))
        case "POST", False if task == "newreference":
            return JSONResponse({"result": {"state": "Success", "reference": _new_reference()}})
        case "POST", False if not task:
            return await _create(services, site, await read_object(request))
        case "GET", True:
            lock, problems = await _get(site, rest[0])
            return JSONResponse({"data": shown_lock(lock, site.kinds), **problems})
        case (("PATCH" | "PUT"), True):
            return await _change(services, site, rest[0], await read_object(request))
        case "DELETE", True:
            return await _remove(site, rest[0])
        case _:
            raise WrongMethod("Evidence locks know GET, POST, PATCH and DELETE, and the tasks newReference and search.")


async def _list(site: _Site, query: Mapping[str, Any]) -> Response:
    async def ask(recorder: AskedRecorder) -> list[ShownLock]:
        return [lock async for lock in RecorderLocks(recorder.ask).known()]

    said, failures = await ask_each(site.recorders, ask)
    merged: dict[str, Merged] = {}
    for recorder, locks in said.items():
        for lock in locks:
            merged.setdefault(lock.id, {})[recorder] = lock
    is_wanted = wanted(query)
    found = [each for each in merged.values() if is_wanted(each)]
    found.sort(key=lambda each: min(lock.created_us for lock in each.values()))
    return JSONResponse({"array": [shown_lock(each, site.kinds) for each in found], **site.problems(failures)})


async def _get(site: _Site, lock_id: str) -> tuple[Merged, dict[str, Any]]:
    """Return the lock on each recorder that has it, and what of the answer may be missing."""

    async def ask(recorder: AskedRecorder) -> ShownLock | None:
        return await RecorderLocks(recorder.ask).get(lock_id)

    said, failures = await ask_each(site.recorders, ask)
    found = {recorder: lock for recorder, lock in said.items() if lock is not None}
    if not found:
        if failures:
            raise ServerUnreachable(
                "perhaps it is there", server=", ".join(each.name for each in site.of(failures)[:3])
            )
        raise UnknownResource(f"evidenceLocks/{lock_id}"[:200])
    return found, site.problems(failures)


async def _create(services: Services, site: _Site, body: Mapping[str, Any]) -> Response:
    asked = lock_request(body, services.clock.now_us(), new_id())
    check_choice(body, None if asked.expires_us is None else UtcUs(asked.expires_us), site.choices)
    places = site.by_recorder(asked.devices)

    async def ask(recorder: AskedRecorder) -> ShownLock:
        return await RecorderLocks(recorder.ask).create(asked.model_copy(update={"devices": places[recorder.id]}))

    said, failures = await ask_each(site.of(places), ask)
    _raise_when_all_failed(said, failures)
    state = "Incomplete" if failures else "Success"
    path = {"type": "evidenceLocks", "id": asked.id}
    result = {**shown_lock(said, site.kinds), "state": state, "path": path, **site.problems(failures)}
    return JSONResponse({"result": result}, HTTPStatus.CREATED)


async def _change(services: Services, site: _Site, lock_id: str, body: Mapping[str, Any]) -> Response:
    found, unasked = await _get(site, lock_id)
    patch = lock_patch(body, services.clock.now_us())
    expires = None if patch.expires_us is None else UtcUs(patch.expires_us)
    same = {lock.expires_us for lock in found.values()} == {expires}
    if (patch.forever or expires is not None) and not same:
        check_choice(body, expires, site.choices)
    devices = given_devices(body)
    places = None if devices is None else site.by_recorder(devices)
    if places is not None and places.keys() != found.keys():
        text = "Devices of other recording servers cannot be added to a lock, nor all of one taken out: make another."
        raise InvalidProperties({"devicePaths": text})

    async def ask(recorder: AskedRecorder) -> ShownLock:
        own = {} if places is None else {"devices": places[recorder.id]}
        return await RecorderLocks(recorder.ask).change(lock_id, patch.model_copy(update=own))

    said, failures = await ask_each(site.of(found), ask)
    _raise_when_all_failed(said, failures)
    problems = site.problems(failures) or unasked
    return JSONResponse({"data": shown_lock(found | said, site.kinds), **problems})


async def _remove(site: _Site, lock_id: str) -> Response:
    found, unasked = await _get(site, lock_id)

    async def ask(recorder: AskedRecorder) -> bool:
        await RecorderLocks(recorder.ask).remove(lock_id)
        return True

    said, failures = await ask_each(site.of(found), ask)
    _raise_when_all_failed(said, failures)
    problems = site.problems(failures) or unasked
    return JSONResponse({"state": "Incomplete" if problems else "Success", **problems})


def _raise_when_all_failed(said: Mapping[str, object], failures: Mapping[str, VmsError]) -> None:
    """Raise what one recorder answered, when no other did what was asked."""
    if failures and not said:
        raise in_our_words(next(iter(failures.values())))


def _new_reference() -> str:
    return f"no.{secrets.randbelow(10**9):09d}"
