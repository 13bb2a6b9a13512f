"""What a user may do with a camera, in the words of this interface."""

from functools import lru_cache

from common.model.permissions import CAMERAS, Verb
from server.management.soap.device_contracts import (
    BookmarkSecurity,
    CameraSecurity,
    ExportSecurity,
    HoldSecurity,
    ManageSecurity,
    PtzSecurity,
)


@lru_cache(maxsize=1024)
def camera_security(mask: int) -> CameraSecurity:
    """Say what the bits of a user's effective permissions mean."""

    def may(verb: Verb) -> bool:
        return bool(mask & CAMERAS.bits[verb])

    edits, exports, presets, moves = may(Verb.BOOKMARK), may(Verb.EXPORT), may(Verb.PRESETS), may(Verb.PTZ)
    plays, records = may(Verb.PLAYBACK), may(Verb.RECORD)
    return CameraSecurity(
        bookmark=BookmarkSecurity(add=edits, delete=edits, edit=edits, view=may(Verb.SEE_BOOKMARKS)),
        browse=plays,
        export=ExportSecurity(avi=exports, database=exports, jpeg=exports),
        get_sequences=plays,
        live=may(Verb.VIEW_LIVE),
        manage=ManageSecurity(patrolling_profiles=presets, preset_locks=presets, presets=presets),
        ptz_security=PtzSecurity(manual_control=moves, preset_control=moves, reserve_control=moves),
        restricted_media=HoldSecurity(create=False, remove=False, view=False),  # recordings cannot be restricted yet
        retention=HoldSecurity(create=may(Verb.LOCK), remove=may(Verb.UNLOCK), view=may(Verb.SEE_LOCKS)),
        retrieve_edge_recordings=may(Verb.FETCH_EDGE),
        smart_search=may(Verb.SMART_SEARCH),
        start_recording=records,
        stop_recording=records,
    )
