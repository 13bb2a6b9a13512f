"""How far the endurance tests go: a short slice in every test run, all of it in `make soak`."""

import os

WHOLE = os.environ.get("VEDETTE_SOAK") == "1"


def rounds(part: int, whole: int) -> int:
    """Return how often to repeat: `part` in a common test run, `whole` in a soak."""
    return whole if WHOLE else part
