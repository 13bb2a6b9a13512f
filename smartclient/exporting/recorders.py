"""The recorders as exports need them: blocking questions and downloads, for worker threads."""

from common.api.exporting import ExportEstimate, ExportJob, ExportRequest
from common.clients.export_jobs import Action, RecorderExports
from common.clients.exports import ExportDownloads
from smartclient.site.doors import RecorderDoors


class ExportDoors:
    """Exports of any recorder of the site."""

    def __init__(self, doors: RecorderDoors) -> None:
        self._doors = doors

    def estimate(self, recorder: str, request: ExportRequest) -> ExportEstimate:
        return self._doors.run(recorder, lambda ask: RecorderExports(ask).estimate(request))

    def create(self, recorder: str, request: ExportRequest) -> ExportJob:
        return self._doors.run(recorder, lambda ask: RecorderExports(ask).create(request))

    def known(self, recorder: str) -> list[ExportJob]:
        return self._doors.run(recorder, lambda ask: RecorderExports(ask).known())

    def control(self, recorder: str, job: str, action: Action) -> ExportJob:
        return self._doors.run(recorder, lambda ask: RecorderExports(ask).control(job, action))

    def downloads(self, recorder: str) -> ExportDownloads:
        uri = self._doors.uri(recorder)
        return ExportDownloads(uri, self._doors.tls_for(uri), self._doors.token)
