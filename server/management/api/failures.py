"""A failure in the words of a long task."""

from common.foundation.catalog import explain
from common.foundation.errors import VmsError
from server.management.configuration.items import InvalidProperties


def task_failure(error: VmsError) -> tuple[str, str]:
    """Return the property a failure is about ("" for none) and a sentence."""
    if isinstance(error, InvalidProperties):
        return next(iter(error.problems.items()))
    return "", explain(error)
