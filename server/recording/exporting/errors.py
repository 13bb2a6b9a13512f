"""What can go wrong with an export, in words."""

from common.foundation.errors import VmsError


class ExportRefused(VmsError):
    """What was asked for cannot be exported as it stands; the detail is a sentence."""

    message_key = "export.refused"


class NoRoom(VmsError):
    """The result does not fit on the disk."""

    message_key = "export.no_room"
    retryable = True


class NothingRecorded(ExportRefused):
    """There are no recordings in what was asked for."""

    message_key = "export.nothing_recorded"


class NoSuchExport(VmsError):
    """There is no such job, or it is somebody else's."""

    message_key = "export.no_such_job"


class TooManyExports(VmsError):
    """There are as many jobs as the recorder keeps."""

    message_key = "export.too_many"
    retryable = True


class ExportFailed(VmsError):
    """The work itself failed."""

    message_key = "export.failed"


class NotAsWritten(ExportFailed):
    """What was read back from the result is not what was written."""

    message_key = "export.not_as_written"
    retryable = True


class ExportCancelled(VmsError):
    """Somebody ended the job."""

    message_key = "export.cancelled"
