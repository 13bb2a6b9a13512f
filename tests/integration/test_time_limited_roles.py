"""Roles that count at certain times, permissions within time profiles, and roles that let in certain programs only."""

from datetime import UTC, datetime

import jwt
import pytest

from tests.support.management_rig import PASSWORD, START_US, Management, managing

pytestmark = pytest.mark.integration

HOUR_S = 3600


def local(seconds: float) -> str:
    """A wall time of this computer, so many seconds after the test server's clock began."""
    return datetime.fromtimestamp(START_US / 1e6 + seconds, UTC).astimezone().replace(tzinfo=None).isoformat()


@pytest.fixture
def server(tmp_path):
    with managing(tmp_path) as running:
        running.add_operator()
        yield running


def made(server: Management, kind: str, **body) -> str:
    answer = server.rest("POST", kind, server.token(), json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["result"]["id"]


def operators(server: Management) -> str:
    return next(
        r["id"] for r in server.rest("GET", "roles", server.token()).json()["array"] if r["name"] == "Operators"
    )


def change_role(server: Management, **changes) -> None:
    answer = server.rest("PATCH", f"roles/{operators(server)}", server.token(), json=changes)
    assert answer.status_code == 200, answer.text


def profile(server: Management, start_s: float, end_s: float) -> str:
    span = {"startDateTime": local(start_s), "endDateTime": local(end_s)}
    return made(server, "timeProfiles", name="Shift", timeProfileAppointments=[span])


def sign_in(server: Management, client_id: str = "VmsClient"):
    return server.grant(grant_type="password", username="olga", password=PASSWORD, client_id=client_id)


def test_who_has_no_role_now_stays_outside_and_is_put_out_in_time(server):
    shift = profile(server, -HOUR_S, HOUR_S / 2)
    change_role(server, loginTimeProfile={"type": "timeProfiles", "id": shift})
    granted = sign_in(server).json()
    token = granted["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (
        START_US / 1e6 + HOUR_S / 2 <= claims["exp"] < START_US / 1e6 + HOUR_S / 2 + 120
    )  # recorders believe it no longer
    assert server.rest("GET", "cameras", token).status_code == 200
    server.clock.move(HOUR_S / 2 + 60)
    assert server.rest("GET", "cameras", token).status_code in (401, 403)
    again = server.grant(grant_type="refresh_token", refresh_token=granted["refresh_token"], client_id="VmsClient")
    for answer in (again, sign_in(server)):
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "OutsideHours"
    assert server.token()  # administrators are never locked out


def test_a_profile_that_makes_no_sense_is_refused_and_one_in_use_stays(server):
    wrong = {"name": "Wrong", "timeProfileAppointments": [{"startDateTime": "soon", "endDateTime": "later"}]}
    answer = server.rest("POST", "timeProfiles", server.token(), json=wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["propertyName"] == "timeProfileAppointments.0"
    shift = profile(server, 0, HOUR_S)
    change_role(server, loginTimeProfile={"type": "timeProfiles", "id": shift})
    assert server.rest("DELETE", f"timeProfiles/{shift}", server.token()).status_code == 400


def test_roles_let_in_certain_programs_only(server):
    change_role(server, allowSmartClientLogOn=False)
    refused = sign_in(server, "VedetteSmartClient")
    assert (refused.status_code, refused.json()["error_code"]) == (400, "ClientNotAllowed")
    assert sign_in(server, "VmsClient").status_code == 200
    assert sign_in(server, "NoClientOfOurs").status_code == 400
    admin = server.grant(grant_type="password", username="admin", password=PASSWORD, client_id="VedetteSmartClient")
    assert admin.status_code == 200


def test_permissions_within_a_profile_reach_recorders(server):
    reply, token = server.enrol()
    shift = profile(server, 0, HOUR_S)
    document = server.send("GET", f"/api/internal/v1/recorders/{reply.id}/configuration", token).json()
    (told,) = document["time_profiles"]
    assert told["id"] == shift
    assert told["properties"]["timeProfileAppointments"][0]["startDateTime"] == local(0)
