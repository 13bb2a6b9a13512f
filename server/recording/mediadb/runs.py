"""Runs of segments that follow each other without a gap, kept by SQLite itself beside the segments.

`heads` names the segments that begin a run: those that do not go on where the one before them ends, and those whose own
table must be read (being written, or with gaps inside) with the one behind them. Triggers keep it in step with every
change to `segments`, whoever makes it. A month that was recorded without a gap is then one row, not 8,640.
"""

import sqlite3

from common.foundation.clock import UtcUs
from server.recording.mediadb.contract import TrackKey

_JOINED = (
    "({s}.state=1 AND {s}.gaps=0 AND coalesce((SELECT p.state=1 AND p.gaps=0 AND p.end_us>={s}.start_us"
    " FROM segments p WHERE p.device={s}.device AND p.track={s}.track AND p.start_us<{s}.start_us AND p.state!=2"
    " ORDER BY p.start_us DESC LIMIT 1), 0))"
)
_FIX = """
    DELETE FROM heads WHERE device={row}.device AND track={row}.track AND start_us={at};
    INSERT INTO heads SELECT s.device, s.track, s.start_us FROM segments s
        WHERE s.device={row}.device AND s.track={row}.track AND s.start_us={at} AND s.state!=2 AND NOT {joined};
"""
_NEXT = (
    "(SELECT n.start_us FROM segments n WHERE n.device={row}.device AND n.track={row}.track"
    " AND n.start_us>{row}.start_us AND n.state!=2 ORDER BY n.start_us LIMIT 1)"
)


def _fix(row: str, at: str) -> str:
    return _FIX.format(row=row, at=at, joined=_JOINED.format(s="s"))


def _both(row: str) -> str:
    return _fix(row, f"{row}.start_us") + _fix(row, _NEXT.format(row=row))


TABLE = """
CREATE TABLE IF NOT EXISTS heads (
    device TEXT NOT NULL, track TEXT NOT NULL, start_us INTEGER NOT NULL, PRIMARY KEY (device, track, start_us)
) WITHOUT ROWID;
"""
TRIGGERS = f"""
CREATE TRIGGER IF NOT EXISTS heads_inserted AFTER INSERT ON segments BEGIN {_both("NEW")} END;
CREATE TRIGGER IF NOT EXISTS heads_updated AFTER UPDATE OF end_us, state, gaps ON segments
    WHEN OLD.end_us!=NEW.end_us OR OLD.state!=NEW.state OR OLD.gaps!=NEW.gaps BEGIN {_both("NEW")} END;
CREATE TRIGGER IF NOT EXISTS heads_deleted AFTER DELETE ON segments BEGIN {_both("OLD")} END;
"""
NO_TRIGGERS = """
DROP TRIGGER IF EXISTS heads_inserted;
DROP TRIGGER IF EXISTS heads_updated;
DROP TRIGGER IF EXISTS heads_deleted;
"""
FILL = f"""
DELETE FROM heads;
INSERT INTO heads SELECT s.device, s.track, s.start_us FROM segments s
    WHERE s.state!=2 AND NOT {_JOINED.format(s="s")};
"""  # noqa: S608 - our own constant texts
# WORKAROUND(SQLite 3.40): without the `+` it looks for `s` by the range of `h`, not by its one value.
_QUERY = """
SELECT s.id, s.device, s.track, h.start_us, s.end_us, s.state, s.gaps, 0,
    (SELECT e.end_us FROM segments e WHERE e.device=h.device AND e.track=h.track AND e.state!=2 AND e.start_us<
        coalesce((SELECT n.start_us FROM heads n WHERE n.device=h.device AND n.track=h.track AND n.start_us>h.start_us
            ORDER BY n.start_us LIMIT 1), 1 << 62)
        ORDER BY e.start_us DESC LIMIT 1)
FROM heads h CROSS JOIN segments s INDEXED BY segments_by_time
    ON s.device=h.device AND s.track=h.track AND s.start_us=+h.start_us
WHERE h.device=? AND h.track=? AND h.start_us<?
    AND h.start_us>=coalesce((SELECT max(b.start_us) FROM heads b WHERE b.device=? AND b.track=? AND b.start_us<=?), ?)
ORDER BY h.start_us LIMIT ?
"""


def find_runs(
    connection: sqlite3.Connection, key: TrackKey, start: int, end: int, most: int
) -> list[tuple[tuple[int, str, str, int, int, int, int, int], UtcUs]]:
    """The runs of a track from the one that begins at or before `start` to the last that begins before `end`: each as
    the row of its first segment, and where the run ends as far as the index knows."""
    found = connection.execute(_QUERY, (*key, end, *key, start, start, most)).fetchall()
    return [(row[:8], row[8]) for row in found]
