"""Time profiles are understood before they are kept: one that is not would never hold, and nobody would know why."""

from common.model.item import Item
from common.model.rules import TimeProfile
from common.model.times import problem_with
from server.management.configuration.items import InvalidProperties


def check_appointments(item: Item) -> None:
    """Raise InvalidProperties when an appointment of a time profile makes no sense."""
    if not isinstance(item, TimeProfile):
        return
    lists = {
        "timeProfileAppointments": item.time_profile_appointments,
        "timeProfileAppointmentsRecur": item.time_profile_appointments_recur,
    }
    problems = {
        f"{name}.{place}": problem
        for name, appointments in lists.items()
        for place, appointment in enumerate(appointments)
        if (problem := problem_with(appointment))
    }
    if problems:
        raise InvalidProperties(problems)
