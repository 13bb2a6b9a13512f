"""Dates and times on screen, with the names of days and months in the client's language."""

from datetime import date, datetime

from common.ui.words import words


def written(moment: datetime | date, pattern: str) -> str:
    """Write a time as `strftime` does; `%a` and `%b` are the client's language's, not the system's."""
    day, month = words("dates.days").split("|"), words("dates.months").split("|")
    pattern = pattern.replace("%a", day[moment.weekday()]).replace("%b", month[moment.month - 1])
    return moment.strftime(pattern)
