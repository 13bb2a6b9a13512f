"""Listens to a site's first camera through the Smart Client's own engine: `python -m tests.support.listening_client
URL CA_FILE PASSWORD_FILE live|recorded`. Prints `LISTENING`; ends with its standard input."""

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSocketNotifier

from common.clients.management import ManagementClient
from common.foundation.clock import SystemClock, UtcUs
from smartclient.app.listening import Listening
from smartclient.site.snapshot import read_site
from smartclient.video.clock import PlayClock
from smartclient.video.engine import VideoEngine
from smartclient.video.slots import monotonic_us


def main() -> None:
    url, ca_file, password_file, what = sys.argv[1:]
    app = QCoreApplication([])
    ca_pem = Path(ca_file).read_text()
    client = ManagementClient(url, ca_pem)
    client.sign_in("admin", Path(password_file).read_text().strip())
    site = read_site(client)
    engine = VideoEngine(1)
    engine.set_recorders({recorder.id: recorder.media_uri for recorder in site.recorders}, ca_pem)
    engine.set_token(client.access_token())
    if what == "recorded":
        at = UtcUs(SystemClock().now_us() - 10_000_000)
        engine.play(PlayClock(at, monotonic_us(), speed=1.0, paused=False, generation=1), "seek")
    listening = Listening(engine)
    listening.said.connect(lambda sentence: print("SAID", sentence, flush=True))
    listening.listen(site.cameras[0], what == "recorded")
    print("LISTENING", flush=True)
    closed = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    closed.activated.connect(app.quit)
    app.exec()
    listening.stop()
    engine.close()
    client.close()


if __name__ == "__main__":
    main()
