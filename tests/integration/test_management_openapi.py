"""The OpenAPI document says what the API does: every kind, and answers that fit their schemas."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from common.model.kinds import ALL
from tests.support.management_rig import Management, managing


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("openapi")) as running:
        running.enrol()
        yield running


@pytest.fixture(scope="module")
def admin(server: Management) -> str:
    return server.token()


@pytest.fixture(scope="module")
def document(server: Management) -> Any:
    answer = server.send("GET", "/api/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def checked(document: Any, schema: Any, value: object) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: Any) -> None:
    known = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in known
    for schema in known.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.kind.plural)
def test_lists_fit_their_schemas(server: Management, admin: str, document: Any, model: Any) -> None:
    operation = document["paths"][f"/api/rest/v1/{model.kind.plural}"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer = server.rest("GET", f"{model.kind.plural}?disabled", admin)
    assert answer.status_code == 200
    checked(document, schema, answer.json())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_body_makes_it_fail(server: Management, admin: str, document: Any, chosen: st.DataObject) -> None:
    """Whatever is sent to whatever is there, the answer is one that the document knows, and never a 500."""
    path = chosen.draw(st.sampled_from(sorted(document["paths"])))
    method = chosen.draw(st.sampled_from(["post", "patch", "put", "delete", "get"]))
    names = st.sampled_from(["name", "id", "relations", "enabled", "members", "stream", "address", "x"])
    body = chosen.draw(st.dictionaries(names, VALUES, max_size=4) | VALUES)
    identifier = chosen.draw(st.uuids().map(str) | st.text(max_size=10).filter(lambda text: "/" not in text))
    task = chosen.draw(st.sampled_from(["", "?task=AddRoleMember", "?task=SetStorageAsDefault", "?page=x", "?size=0"]))
    url = path.replace("{id}", identifier) + task
    if not url.isascii() or any(letter in url for letter in "\\ #%") or not url.isprintable() or ".." in url:
        return
    answer = server.send(method.upper(), url, admin, json=body)
    assert answer.status_code < 500, (method, url, body, answer.text)
    if answer.status_code >= 400:
        checked(document, {"$ref": "#/components/schemas/Error"}, answer.json())
