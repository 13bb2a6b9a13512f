"""Why a camera did not give us its streams, one type for each thing an operator can do about it."""

from common.foundation.errors import DeviceError, DeviceRefused


class WrongPassword(DeviceRefused):
    """401 or 403 after we answered its challenge, or no password is configured."""

    message_key = "driver.wrong_password"


class NoSuchStream(DeviceRefused):
    """404: the host is right, the path is not."""

    message_key = "driver.no_such_stream"


class Redirected(DeviceRefused):
    """3xx. Not followed: a password would go to a host that nobody configured."""

    message_key = "driver.redirected"


class NothingToRecord(DeviceRefused):
    """The camera offers no stream in a format that we record."""

    message_key = "driver.nothing_to_record"


class NoParameterSets(DeviceError):
    """The camera sends video, but neither its description nor the video says how to decode it."""

    message_key = "driver.no_parameter_sets"


class TransportRefused(DeviceRefused):
    """461: the camera does not send over this transport."""

    message_key = "driver.transport_refused"


class CameraBusy(DeviceError):
    """453 or 503: too many viewers, or the camera is still starting."""

    message_key = "driver.busy"
