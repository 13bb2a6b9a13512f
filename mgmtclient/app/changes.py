"""What the operator can do to items, as tasks of the status bar: blocking calls made off the GUI thread."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from common.clients.management import ManagementClient
from common.clients.management_values import Hardware, RecordingServer
from common.foundation.errors import VmsError
from common.foundation.ids import HardwareId
from common.ui.task_bar import TaskBar
from common.ui.words import words
from mgmtclient.hardware.test_picture import CameraAddress
from mgmtclient.properties.fields import Value
from mgmtclient.site.snapshot import Item, kind_of


class Changes(QObject):
    """Runs changes; `made` asks for a refresh, `refused` carries what could not be done."""

    made = Signal()
    refused = Signal(object)

    def __init__(self, client: Callable[[], ManagementClient], tasks: TaskBar, parent: QObject) -> None:
        super().__init__(parent)
        self._client = client
        self._tasks = tasks

    def rename(self, item: Item, name: str) -> None:
        """Give an item another name, unless somebody else changed it meanwhile."""
        client = self._client()
        self._run(
            words("mgmt.renaming_task", name=item.name),
            lambda: client.rename(kind_of(item), item.id, name, item.etag),
            words("mgmt.renamed_task", name=name),
        )

    def enable(self, item: Item, enabled: bool) -> None:
        """Enable or disable an item."""
        client = self._client()
        self._run(
            words("mgmt.saving_task", name=item.name),
            lambda: client.set_enabled(kind_of(item), item.id, enabled, item.etag),
            words("mgmt.enabled_task" if enabled else "mgmt.disabled_task", name=item.name),
        )

    def remove(self, hardware: Hardware) -> None:
        """Remove hardware with its devices."""
        client = self._client()
        self._run(
            words("mgmt.removing_task", name=hardware.name),
            lambda: client.delete_hardware(hardware.id),
            words("mgmt.removed_task", name=hardware.name),
        )

    def save(
        self,
        item: Item,
        changes: dict[str, Value],
        etag: str,
        *,
        saved: Callable[[], None],
        refused: Callable[[VmsError], None],
    ) -> None:
        """Save edited properties in one request."""
        client = self._client()

        def done(_: None) -> None:
            saved()
            self.made.emit()

        self._tasks.run(
            self,
            words("mgmt.saving_task", name=item.name),
            lambda: client.update(kind_of(item), item.id, changes, etag),
            done=done,
            failed=refused,
            result=words("mgmt.saved_task", name=item.name),
        )

    def add(
        self,
        recorder: RecordingServer,
        camera: CameraAddress,
        name: str,
        *,
        added: Callable[[HardwareId], None],
        refused: Callable[[VmsError], None],
    ) -> None:
        """Add a camera to a recording server."""
        client = self._client()
        said = name or camera.url

        def add() -> HardwareId:
            return client.add_hardware(
                recorder.id, camera.url, camera.user, camera.password, name=name, transport=camera.transport
            )

        def done(hardware_id: HardwareId) -> None:
            added(hardware_id)
            self.made.emit()

        self._tasks.run(
            self,
            words("mgmt.adding_task", name=said),
            add,
            done=done,
            failed=refused,
            result=words("mgmt.added_task", name=said),
        )

    def _run(self, label: str, change: Callable[[], None], result: str) -> None:
        self._tasks.run(self, label, change, done=lambda _: self.made.emit(), failed=self.refused.emit, result=result)
