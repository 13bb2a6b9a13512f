"""Ids of the events and state groups that every site has: those by which integrations know them, and our own."""

import uuid

_OWN = uuid.UUID("5f6b7d4e-95a1-5c1b-8a57-0f3c2f0c9d11")  # namespace of ids that nobody else has fixed


def own_id(name: str) -> str:
    """Return the id of a built-in item that nobody else has fixed; the same on every site."""
    return str(uuid.uuid5(_OWN, name))


# state groups
MOTION = "720ef62a-78be-418a-8e4c-ee04ffca6429"
COMMUNICATION, RECORDING, FEED = own_id("state communication"), own_id("state recording"), own_id("state feed")
INPUT, OUTPUT = own_id("state input"), own_id("state output")
STORAGE, PTZ = own_id("state storage"), own_id("state ptz")

# events of devices
RECORDING_STARTED = "4577f552-765a-438c-bc7d-e5ff1f754bc3"
RECORDING_STOPPED = "79a94f89-92de-4fca-8a43-5561d407423d"
COMMUNICATION_STARTED = "dd3e6464-7dc0-405a-a92f-6150587563e8"
COMMUNICATION_STOPPED = "0ee90664-2924-42a0-a816-4129d0ecabdc"
COMMUNICATION_ERROR = "a334af1c-4b4b-4957-9e5f-ab8ca07feab6"
FEED_OVERFLOW_STARTED = "536ad730-05ae-42cd-b14c-07b07c293e79"
FEED_OVERFLOW_STOPPED = "247fef11-15db-4c99-99db-de5475eae443"

# events of hardware
HARDWARE_COMMUNICATION_STARTED = "0553c396-5e16-4c22-b3d1-f548e42dfbb4"
HARDWARE_COMMUNICATION_STOPPED = "63ea1f06-5a83-4f39-9fab-49959fde7b66"
HARDWARE_COMMUNICATION_ERROR = "6baad64b-c395-4f52-b6a3-dd1b64aa2f0f"

# events of recording servers
DATABASE_DISK_FULL = "a4935aa3-c4b6-42a3-b4c5-6d4c20b043cf"
DISK_AVAILABLE = "fab03c4d-0589-48c8-9328-e28b76c95af0"
DISK_UNAVAILABLE = "29986aa1-924b-4c8d-aac7-a876883dc82c"
RECORDER_ONLINE, RECORDER_OFFLINE = own_id("recorder online"), own_id("recorder offline")
