"""Tries a camera that is not configured, in a process of its own: strange devices may hang or crash a decoder."""

import asyncio
import json
import logging
from collections.abc import Mapping

from common.foundation.errors import DeviceError, ProtocolError, VmsError
from common.foundation.logs import without_secrets
from common.protocols.media_channel.messages import Probe, Probed, decode_server
from server.recording.processes import end, start_module

log = logging.getLogger(__name__)

PROBE_S = 15.0
MOST_PROBES = 2
_MOST_ANSWER_BYTES = 2 * 1024 * 1024
MODULE = "server.recording.probe"


class ProbeFailed(VmsError):
    """The probing process itself did not work."""

    message_key = "media.probe_failed"


class CameraDidNotAnswer(DeviceError):
    """The camera cannot be reached, or refused us; the detail is already a sentence for a person."""

    message_key = "media.probe_answer"


class ProcessProber:
    """Runs `python -m server.recording.probe`, at most two at once: one JSON line in, one JSON line out."""

    def __init__(self, module: str = MODULE, timeout_s: float = PROBE_S) -> None:
        self._module = module
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(MOST_PROBES)

    async def probe(self, request: Probe) -> Probed:
        """Raises DeviceError when the camera does not answer or says no, ProbeFailed when trying itself failed."""
        camera = without_secrets(request.url)
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                answer = await self._ask(request)
        except TimeoutError:
            raise DeviceError(f"no pictures within {self._timeout_s:g} s", camera=camera) from None
        return _probed(answer, request.id, camera)

    async def _ask(self, request: Probe) -> Mapping[str, object]:
        process = await start_module((self._module,), _MOST_ANSWER_BYTES)
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {
            "url": request.url,
            "user": request.user,
            "password": request.password,
            "transport": request.transport,
        }
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            answer = json.loads(line)
        except (ConnectionError, ValueError, RecursionError) as wrong:
            raise ProbeFailed(f"the probing process gave no answer: {wrong}") from None
        finally:
            await end(process)
        if not isinstance(answer, dict):
            raise ProbeFailed("the probing process answered nonsense")
        return answer


def _probed(answer: Mapping[str, object], number: int, camera: str) -> Probed:
    """Read the probe's line: `{"video":...,"audio":...,"jpeg":...}` or `{"error":{"message":...}}`."""
    error = answer.get("error")
    if isinstance(error, dict):
        raise CameraDidNotAnswer(str(error.get("message", "no reason given")), camera=camera)
    try:
        message = decode_server(json.dumps({**answer, "op": "probed", "id": number}))
    except ProtocolError as wrong:
        raise ProbeFailed(f"the probing process answered nonsense: {wrong}") from None
    assert isinstance(message, Probed)
    return message
