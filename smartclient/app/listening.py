"""Hearing the selected camera: live or recorded, one camera at a time."""

from PySide6.QtCore import QObject, Signal

from common.ui.words import words
from smartclient.site.snapshot import SiteCamera
from smartclient.video import control
from smartclient.video.engine import VideoEngine
from smartclient.video.speaker import Speaker


class Listening(QObject):
    """Joins the speaker and the decoders. `camera` is the one that is heard, "" for none."""

    changed = Signal(str)
    said = Signal(str)
    """Why nothing is heard, as a sentence."""

    def __init__(self, engine: VideoEngine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self.speaker = Speaker(self)
        self.camera = ""
        self.speaker.failed.connect(self._no_sound)
        engine.sound.connect(self._sound_said)

    def listen(self, camera: SiteCamera | None, recorded: bool) -> None:
        """Hear this camera from now on; None, or one without a microphone, is silence."""
        if camera is None or not camera.microphone:
            self.stop()
            if camera is not None:
                self.said.emit(words("smart.no_microphone", name=camera.name))
            return
        self.speaker.start()
        self._engine.listen(camera.recorder, camera.microphone, recorded, self.speaker.ring)
        self.camera = camera.id
        self.changed.emit(camera.id)

    def stop(self) -> None:
        """Fall silent."""
        self._engine.stop_listening()
        self.speaker.stop()
        self.camera = ""
        self.changed.emit("")

    def _no_sound(self, _why: str) -> None:
        self.said.emit(words("smart.no_sound_device"))
        self.stop()

    def _sound_said(self, said: control.Sound) -> None:
        if said.state in ("refused", "broken"):
            self.said.emit(words("smart.no_sound", detail=said.reason))
