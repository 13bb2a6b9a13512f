"""Whatever stands in `database_url`: it is read or refused in a sentence, and its password is told to nobody."""

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from common.foundation.catalog import explain
from server.management.database.address import WrongDatabaseUrl, read_database_url

SECRET = "Hunter2Hunter2"
HOSTS = st.text(alphabet="ab1.:,[]-/%é@?#& ", max_size=20)
QUERIES = st.text(alphabet="tlsca_fie=&off/verify%host", max_size=30)


@given(st.sampled_from(["postgresql", "mssql", "sqlite", "postgres", "x"]), HOSTS, HOSTS, QUERIES)
@example("postgresql", "[::1", "d", "")
@example("postgresql", "h:99999", "d", "tls=off")
def test_a_password_is_never_told(scheme, host, name, query):
    text = f"{scheme}://user:{SECRET}@{host}/{name}?{query}"
    try:
        shown = str(read_database_url(text))
    except WrongDatabaseUrl as refused:
        shown = explain(refused) + str(refused)
    assert SECRET not in shown or scheme == "sqlite"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    with suppress(WrongDatabaseUrl):
        read_database_url(text)
