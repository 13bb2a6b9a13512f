"""Every failure this product raises on purpose: what the log says, and what an operator reads."""


class VmsError(Exception):
    """Base of every failure this product raises on purpose.

    `message_key` names the sentence in `resources/i18n`, filled from `params`; it says what happened, to what, and
    what to do. `detail` is for the log. `retryable` tells a supervisor whether trying again can help.
    """

    message_key = "error.unexpected"
    retryable = False

    def __init__(self, detail: str, **params: object) -> None:
        super().__init__(detail)
        self.params = params


class ProtocolError(VmsError):
    """A peer sent what its protocol does not allow."""

    message_key = "error.protocol"
    retryable = True


class DeviceError(VmsError):
    """A camera cannot be reached, refused us, or stopped sending."""

    message_key = "error.device_lost"
    retryable = True


class DeviceUnreachable(DeviceError):
    """No way to a camera: it is switched off, or the network between is broken."""


class DeviceRefused(DeviceError):
    """A camera answered, and said no: wrong password, no such stream. Trying again soon does not help."""

    message_key = "error.device_refused"


class SettingsError(VmsError):
    """The settings file or environment holds something we cannot use."""

    message_key = "error.settings"


class StorageError(VmsError):
    """Recordings could not be written or read."""

    message_key = "error.storage"
    retryable = True


class NotSignedIn(VmsError):
    """No token, or one that is expired, revoked or not ours."""

    message_key = "error.not_signed_in"


class NotPermitted(VmsError):
    """A valid token whose user may not do this."""

    message_key = "error.not_permitted"


class ServerUnreachable(VmsError):
    """A daemon of ours does not answer."""

    message_key = "error.server_unreachable"
    retryable = True
