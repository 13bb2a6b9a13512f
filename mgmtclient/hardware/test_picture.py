"""A first picture of a camera that is not added yet, taken by the recording server that would record it."""

import asyncio
import base64
import binascii
from dataclasses import dataclass

from common.clients.management import ManagementClient
from common.clients.media_asking import QUESTION, RecorderRefused, ask_recorder
from common.foundation.errors import ProtocolError, ServerUnreachable, VmsError
from common.net.tls import pinned_context
from common.protocols.media_channel.messages import Probe, Probed


class TestPictureRefused(VmsError):
    """The recording server could not get a picture, and says why."""

    message_key = "mgmt.error_test_picture"
    __test__ = False  # no test class, whatever its name begins with


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """How to reach a camera."""

    url: str
    user: str = ""
    password: str = ""
    transport: str = "auto"

    def __repr__(self) -> str:  # neither a password nor an address that may hold one reaches a log
        return "CameraAddress(...)"


@dataclass(frozen=True, slots=True)
class TestPicture:
    """What the camera sends. `jpeg` is empty when no picture came."""

    __test__ = False

    video: str  # "H.264, 1920 x 1080, 25 fps"; "" without video
    audio: str  # "AAC, 16 kHz"; "" without sound
    jpeg: bytes


def take_test_picture(client: ManagementClient, ca_pem: str, media_uri: str, camera: CameraAddress) -> TestPicture:
    """Ask the recording server at `media_uri`; blocking, at most about 30 s.

    Raises TestPictureRefused with the recording server's reason, ServerUnreachable, NotSignedIn or ProtocolError.
    """
    if not media_uri:
        raise ServerUnreachable("it has not reported its address yet", server="The recording server")
    token = client.access_token()
    probed = asyncio.run(_probe(token, ca_pem, media_uri, camera))
    video = audio = ""
    if probed.video is not None:
        seen = probed.video
        fps = f", {seen.fps:g} fps" if seen.fps else ""
        video = f"{_codec(seen.codec)}, {seen.width_px} \u00d7 {seen.height_px}{fps}"
    if probed.audio is not None:
        audio = f"{_codec(probed.audio.codec)}, {probed.audio.sample_rate_hz / 1000:g} kHz"
    try:
        jpeg = base64.b64decode(probed.jpeg, validate=True)
    except binascii.Error as error:
        raise TestPictureRefused("the recording server sent a broken picture") from error
    return TestPicture(video, audio, jpeg)


async def _probe(token: str, ca_pem: str, media_uri: str, camera: CameraAddress) -> Probed:
    question = Probe(QUESTION, camera.url, camera.user, camera.password, camera.transport)
    try:
        answer = await ask_recorder(media_uri, pinned_context(ca_pem), token, question)
    except RecorderRefused as refused:
        raise TestPictureRefused(str(refused)) from refused
    if not isinstance(answer, Probed):
        raise ProtocolError(f"a picture was asked for, not '{answer.op}'", peer=media_uri)
    return answer


def _codec(name: str) -> str:
    known = {"h264": "H.264", "h265": "H.265", "hevc": "H.265", "mjpeg": "MJPEG", "jpeg": "MJPEG", "aac": "AAC"}
    return known.get(name.lower(), name.upper() if len(name) <= 5 else name.capitalize())
