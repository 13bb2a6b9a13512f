"""For integration tests: databases of each kind that this machine can run."""

import pytest

from tests.support.postgres_server import postgres_server


@pytest.fixture(scope="session")
def postgres():
    """One PostgreSQL server for all tests of the run; each takes a database of its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_settings(request):
    """Management's settings for a fresh database, of each kind in turn."""
    return {} if request.param == "sqlite" else request.getfixturevalue("postgres").settings()
