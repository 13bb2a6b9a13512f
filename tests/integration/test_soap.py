"""The SOAP service of a real management server, asked by zeep: signing in, the configuration, and who sees what."""

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import lxml.etree
import pytest
from zeep.exceptions import Fault, TransportError

from common.model.permissions import CAMERAS, SERVERS, Verb
from common.model.users import OPERATORS_ROLE_ID
from tests.support.management_rig import PASSWORD, Management, managing
from tests.support.soap_client import ASMX, NAMESPACE, NO_GUID, OAUTH, SVC, fault_of, login, message, post, service

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("data"), site_name="Harbour <1>", address_lockout_after=1000) as running:
        running.add_operator()
        yield running


@pytest.fixture(scope="module")
def site(server: Management) -> dict[str, Any]:
    """A recorder with two cameras, the first of them in a group and with a preset."""
    recorder, _ = server.enrol("north")
    admin = server.token()
    for number in (1, 2):
        server.clock.move(1)  # so that the second is the younger one
        body = {"hardwareAddress": f"simulator:{number}", "userName": "", "password": "", "name": f"Camera {number}"}
        path = f"recordingServers/{recorder.id}?task=AddHardware"
        task = server.rest("POST", path, admin, json=body).json()["result"]["path"]["id"]
        while (state := server.rest("GET", f"tasks/{task}", admin).json()["data"]["state"]) != "Success":
            assert state != "Error"
    cameras = server.rest("GET", "cameras", admin).json()["array"]
    ids = [each["id"] for each in cameras]
    outer = made(server, admin, "cameraGroups", name="Outside")
    inner = made(server, admin, f"cameraGroups/{outer}/cameraGroups", name="Gates")
    for group, camera in ((outer, ids[1]), (inner, ids[0])):
        added = server.rest("POST", f"cameraGroups/{group}/cameras", admin, json={"id": camera})
        assert added.status_code < 300, added.text
    preset = made(server, admin, f"cameras/{ids[0]}/ptzPresets", name="Door", pan=0.5, tilt=-0.25, zoom=0.125)
    hardware = [each["relations"]["parent"]["id"] for each in cameras]
    return {
        "recorder": recorder.id,
        "cameras": ids,
        "hardware": hardware,
        "outer": outer,
        "inner": inner,
        "preset": preset,
    }


def made(server: Management, admin: str, path: str, **body: object) -> str:
    answer = server.rest("POST", path, admin, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["result"]["id"])


@pytest.fixture
def restored(server: Management) -> Iterator[None]:
    """Gives the operators back what they had."""
    admin = server.token()
    path = f"roles/{OPERATORS_ROLE_ID}/permissions"
    before = server.rest("GET", path, admin).json()["array"]
    yield
    for row in server.rest("GET", path, admin).json()["array"]:
        server.rest("PUT", path, admin, json={**row, "allow": [], "deny": []})
    for row in before:
        server.rest("PUT", path, admin, json=row)


def give(server: Management, **more: Any) -> None:
    body = {"securityNamespace": CAMERAS.id, "item": "", "allow": [], "deny": [], **more}
    answer = server.rest("PUT", f"roles/{OPERATORS_ROLE_ID}/permissions", server.token(), json=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", [SVC, ASMX])
def test_zeep_signs_in_and_reads_the_site(server: Management, site: dict[str, Any], path: str) -> None:
    with service(server, path) as proxy:
        assert proxy.GetVersion() == 25
        assert proxy.IsOnline()
        assert proxy.GetServerVersion() == "25.1.0.1"
        assert proxy.GetProductInfo().ProductCode == "440"
        info = proxy.Login(instanceId=NO_GUID, currentToken="")
        assert info.TimeToLive.MicroSeconds == 14_400_000_000
        assert re.fullmatch(r"TOKEN#[0-9a-f-]{36}#127\.0\.0\.1//ServerConnector#", info.Token)
        assert info.RegistrationTime.timestamp() == server.clock.now_us() / 1e6
        found = proxy.GetConfiguration(info.Token)
        assert (found.ServerName, proxy.GetUserInfo(info.Token).name) == ("Harbour <1>", "admin")
        (recorder,) = found.Recorders.RecorderInfo
        assert (recorder.RecorderId, recorder.Name) == (site["recorder"], "north")
        assert recorder.WebServerUri == "https://recorder.example:7563/"
        cameras = recorder.Cameras.CameraInfo
        assert [each.DeviceId for each in cameras] == site["cameras"]
        assert [each.RecorderId for each in cameras] == [site["recorder"]] * 2
        assert [each.HardwareId for each in recorder.Hardware.HardwareInfo] == site["hardware"]
        assert site["cameras"][0] in recorder.Hardware.HardwareInfo[0].DeviceIds.guid
        (preset,) = cameras[0].PtzSettings.Presets.PresetInfo
        assert (preset.Id, preset.Name, preset.Position.Tilt) == (site["preset"], "Door", -0.25)
        assert cameras[0].Streams.StreamInfo[0].Default
        assert cameras[0].CameraSecurity.Export.Database
        (outside,) = found.CameraGroups.CameraGroupInfo
        assert (outside.GroupId, outside.Cameras.guid) == (site["outer"], [site["cameras"][1]])
        (gates,) = outside.CameraGroups.CameraGroupInfo
        assert (gates.Name, gates.Cameras.guid) == ("Gates", [site["cameras"][0]])
        names = {each.Name for each in found.SystemEventTypes.SystemEventTypeInfo}
        assert {"MotionStarted", "RecordingStopped"} <= names


def test_single_recorders_hardware_and_presets(server: Management, site: dict[str, Any]) -> None:
    with service(server) as proxy:
        token = login(proxy)
        assert proxy.QueryRecorderInfo(token, site["recorder"].upper()).Name == "north"
        some = proxy.GetConfigurationRecorders(token, {"guid": [site["recorder"], NO_GUID]})
        assert [each.Name for each in some] == ["north"]
        assert proxy.GetConfigurationRecorders(token, {"guid": []}) is None
        assert [each.HardwareId for each in proxy.GetConfigurationHardware(token, {"guid": site["hardware"][1:]})] == [
            site["hardware"][1]
        ]
        assert [each.Name for each in proxy.GetPresets(token, site["cameras"][0])] == ["Door"]
        assert proxy.GetPresets(token, site["cameras"][1]) is None
        with pytest.raises(Fault, match="VMO61008: Item not found"):
            proxy.QueryRecorderInfo(token, NO_GUID)
        with pytest.raises(Fault, match="VMO61008: Item not found"):
            proxy.GetPresets(token, site["recorder"])


def test_a_device_that_is_switched_off_is_told_apart(server: Management, site: dict[str, Any]) -> None:
    admin = server.token()
    camera = site["cameras"][1]
    with service(server) as proxy:
        token = login(proxy)
        assert proxy.GetDevicesDisabled(token) is None
        server.clock.move(60)
        since = server.clock.now_us()
        for path in (f"cameras/{camera}", f"hardware/{site['hardware'][1]}"):
            server.rest("PATCH", path, admin, json={"enabled": False})
            off = {each.DeviceId: each for each in proxy.GetDevicesDisabled(token)}
            assert (off[camera].DeviceType, off[camera].RecorderId) == ("Camera", site["recorder"])
            (recorder,) = proxy.GetConfiguration(token).Recorders.RecorderInfo
            assert [each.DeviceId for each in recorder.Cameras.CameraInfo] == site["cameras"][:1]
            server.rest("PATCH", path, admin, json={"enabled": True})
        told = proxy.QueryChanges(token, _time(since))
        assert [(each.ChangeType, each.Id) for each in told] == [("Hardware", site["hardware"][1])]
        assert proxy.QueryChanges(token, _time(since + 1)) is None


def _time(at_us: int) -> Any:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


@pytest.mark.usefixtures("restored")
def test_only_what_may_be_seen_and_done(server: Management, site: dict[str, Any]) -> None:
    first, second = site["cameras"]
    with service(server, user="olga") as proxy:
        token = login(proxy)

        def cameras() -> list[Any]:
            recorders = proxy.GetConfiguration(token).Recorders
            return recorders.RecorderInfo[0].Cameras.CameraInfo if recorders.RecorderInfo[0].Cameras else []

        before = cameras()
        assert [each.DeviceId for each in before] == [first, second]
        security = before[0].CameraSecurity
        assert security.Live
        assert security.Bookmark.Add
        assert security.Retention.Create
        assert not security.Manage.Presets
        assert not security.Retention.Remove
        assert not security.RestrictedMedia.Create
        give(server, item=first, deny=[Verb.PTZ, Verb.EXPORT])
        security = cameras()[0].CameraSecurity
        assert not security.PtzSecurity.ManualControl
        assert not security.Export.Database
        assert security.Live
        give(server, item=first, deny=[Verb.READ])
        assert [each.DeviceId for each in cameras()] == [second]
        found = proxy.GetConfiguration(token)
        assert found.CameraGroups.CameraGroupInfo[0].CameraGroups.CameraGroupInfo[0].Cameras is None
        hardware = {each.HardwareId: each.DeviceIds for each in found.Recorders.RecorderInfo[0].Hardware.HardwareInfo}
        assert first not in (hardware[site["hardware"][0]] or {"guid": []})["guid"]
        with pytest.raises(Fault, match="Item not found"):
            proxy.GetPresets(token, first)
        give(server, securityNamespace=SERVERS.id, deny=[Verb.READ])
        assert proxy.GetConfiguration(token).Recorders is None
        assert proxy.GetConfigurationRecorders(token, {"guid": [site["recorder"]]}) is None
        with pytest.raises(Fault, match="Item not found"):
            proxy.QueryRecorderInfo(token, site["recorder"])


def test_wrong_users_get_nothing(server: Management) -> None:
    body = message("Login", f"<instanceId>{NO_GUID}</instanceId><currentToken/>")
    for path, scheme in ((SVC, "Basic"), (OAUTH, "Bearer"), (ASMX, "Basic")):
        answer = post(server, body, path, auth=None)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith(scheme)
    bad = base64.b64encode(b"no colon").decode()
    for wrong in ("Basic", "Basic !!!", f"Basic {bad}", "Negotiate TlRMTVNTUA==", "Bearer x.y.z", "x" * 9000):
        for path in (SVC, OAUTH, ASMX):
            answer = post(server, body, path, auth=None, Authorization=wrong)
            assert (answer.status_code, "TOKEN#" in answer.text) == (401, False), (path, wrong)
    for auth in (("admin", "wrong"), ("nobody", PASSWORD), ("olga\r\nx", PASSWORD), ("", "")):
        answer = post(server, body, auth=auth)
        assert answer.status_code == 401
        assert fault_of(answer)[0] == "s:51000"
    server.clock.move(3600)  # until names that were tried are free again
    with service(server, user="olga", password="wrong") as proxy, pytest.raises((Fault, TransportError)):
        proxy.GetVersion()
    for token in ("", "TOKEN#", f"TOKEN#{NO_GUID}#h//ServerConnector#", "x" * 20_000, server.token()):
        answer = post(server, message("GetConfiguration", f"<token>{token}</token>"))
        assert answer.status_code == 500
        assert "Recorders" not in answer.text


def test_a_user_is_named_as_older_clients_name_it(server: Management) -> None:
    for name in ("[BASIC]\\admin", "[basic]\\Admin", "ADMIN"):
        with service(server, user=name) as proxy:
            assert proxy.GetUserInfo(login(proxy)).name == "admin"


def test_access_tokens_open_their_own_address(server: Management) -> None:
    jwt = server.token("olga")
    with service(server, OAUTH, bearer=jwt) as proxy, service(server) as by_password:
        token, admins = login(proxy), login(by_password)
        assert proxy.GetUserInfo(token).name == "olga"
        assert by_password.GetUserInfo(admins).name == "admin"
        with pytest.raises(Fault, match="different users"):
            proxy.GetUserInfo(admins)
        server.send("POST", "/idp/connect/revocation", data={"token": jwt})
        with pytest.raises(Fault, match="VMO61008"):
            by_password.GetUserInfo(token)  # it ended with the session that it came from
    _, daemon = server.enrol("another")
    assert post(server, message("Login"), OAUTH, auth=None, Authorization=f"Bearer {daemon}").status_code == 401


def test_tokens_end(server: Management) -> None:
    user = server.rest("POST", "basicUsers", server.token(), json={"name": "temp", "password": PASSWORD}).json()
    admin = server.token()
    role = f"roles/{OPERATORS_ROLE_ID}/users?task=AddRoleMember"
    server.rest("POST", role, admin, json={"sid": user["result"]["id"]})
    with service(server, user="temp") as proxy:
        first = login(proxy)
        renewed = str(proxy.Login(NO_GUID, first).Token)
        assert renewed != first
        proxy.GetUserInfo(first)
        proxy.Logout(NO_GUID, first)
        proxy.Logout(NO_GUID, "nonsense")
        with pytest.raises(Fault, match="VMO61008"):
            proxy.GetUserInfo(first)
        proxy.GetUserInfo(renewed)
        server.clock.move(4 * 3600)
        with pytest.raises(Fault, match="expired"):
            proxy.GetUserInfo(renewed)
        last = login(proxy)
        server.rest("DELETE", f"basicUsers/{user['result']['id']}", server.token())
        with pytest.raises(Fault, match="VMO61008"):
            proxy.GetUserInfo(last)


def test_integrations_are_noted(server: Management, caplog: pytest.LogCaptureFixture) -> None:
    with service(server) as proxy:
        proxy.RegisterIntegration(login(proxy), NO_GUID, NO_GUID, "1.2", "Gate opener", "Example")
    noted = next(each for each in caplog.records if each.getMessage() == "integration registered")
    assert noted.__dict__["integration_name"] == "Gate opener"


def test_clients_that_cut_text_find_what_they_look_for(server: Management) -> None:
    answer = post(server, message("Login", f"<instanceId>{NO_GUID}</instanceId><currentToken></currentToken>"))
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    begin = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<LoginResponse xmlns="http://videoos.net/2/XProtectCSServerCommand">'
        '<LoginResult xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><RegistrationTime>'
    )
    assert answer.text.startswith(begin)
    token = re.search("<Token>(TOKEN#.*?)</Token>", answer.text)
    assert token is not None
    parts = re.findall(r"<(\w+)>", answer.text.partition("LoginResult ")[2])
    assert parts == ["RegistrationTime", "TimeToLive", "MicroSeconds", "TimeToLiveLimited", "Token"]
    asked = f"<token>{token[1]}</token>"
    assert "<GetDevicesDisabledResult />" in post(server, message("GetDevicesDisabled", asked)).text
    ids = f"{asked}<recorderIds><guid>{NO_GUID}</guid></recorderIds>"
    assert "<GetConfigurationRecordersResult />" in post(server, message("GetConfigurationRecorders", ids)).text
    whole = post(server, message("GetConfiguration", asked)).text
    assert "<ServerName>Harbour &lt;1&gt;</ServerName>" in whole
    assert whole.count("xmlns=") == 1
    assert "s:Header" not in whole
    assert "<GetVersionResult>25</GetVersionResult>" in post(server, message("GetVersion")).text
    in_asmx = post(server, message("Login", f"<instanceId>{NO_GUID}</instanceId>"), ASMX).text
    assert re.findall(r"<(\w+)>", in_asmx.partition("LoginResult ")[2])[0] == "Token"


def test_lists_of_ids_are_written_as_each_address_does(server: Management, site: dict[str, Any]) -> None:
    with service(server) as proxy:
        token = login(proxy)
    ids = f"<token>{token}</token><hardwareIds><x>{site['hardware'][0]}</x></hardwareIds>"
    asked = message("GetConfigurationHardware", ids)
    arrays = 'xmlns:a="http://schemas.microsoft.com/2003/10/Serialization/Arrays"'
    assert f"<DeviceIds {arrays}><a:guid>{site['cameras'][0]}</a:guid>" in post(server, asked).text
    assert f"<DeviceIds><guid>{site['cameras'][0]}</guid>" in post(server, asked, ASMX).text


@pytest.mark.parametrize(
    "path", ["/managementserver//SERVERCOMMANDSERVICE.SVC/", "/serverapi/servercommandservice.asmx"]
)
def test_addresses_and_headers_may_be_spelt_in_many_ways(server: Management, path: str) -> None:
    body = (
        message("IsOnline").replace(b"<s:", b"<soap:").replace(b"</s:", b"</soap:").replace(b"xmlns:s=", b"xmlns:soap=")
    )
    for action in (
        "",
        '""',
        "x/IsOnline",
        '"http://videoos.net/2/XProtectCSServerCommand/IServerCommandService/IsOnline"',
    ):
        answer = post(server, body, path, SOAPAction=action)
        assert "<IsOnlineResult>true</IsOnlineResult>" in answer.text, answer.text


def test_what_cannot_be_answered_is_a_fault(server: Management) -> None:
    dtd = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + message("IsOnline")
    soap12 = message("IsOnline").replace(
        b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"
    )
    header = b'<s:Header><To s:mustUnderstand="1" xmlns="x">y</To></s:Header><s:Body>'
    wrong = {
        "s:Client": [
            b"",
            b"x" * 10,
            b"\xff\xfe<",
            dtd,
            b"<a/>",
            b"x" * 2_000_000,
            message("IsOnline", namespace="urn:other"),
            message("IsOnline").replace(b"</s:Body>", b"<b/></s:Body>"),
        ],
        "s:VersionMismatch": [soap12],
        "s:MustUnderstand": [message("IsOnline").replace(b"<s:Body>", header)],
        "s:ActionNotSupported": [message("FormatDisks"), message("Login2")],
    }
    for code, bodies in wrong.items():
        for body in bodies:
            answer = post(server, body)
            assert (answer.status_code, fault_of(answer)[0]) == (500, code), body[:200]
            assert "Traceback" not in answer.text
    answer = post(server, message("IsOnline"), SOAPAction="x/Login")
    assert "SOAPAction asks for Login" in fault_of(answer)[1]
    with service(server) as proxy:
        token = login(proxy)
    for operation, inside in (
        ("QueryChanges", "<changesFrom>yesterday</changesFrom>"),
        ("QueryChanges", "<changesFrom>9999-12-31T23:59:59.9999999-23:00</changesFrom>"),
        ("QueryRecorderInfo", "<recorderId>7</recorderId>"),
        ("GetPresets", "<deviceId><a/></deviceId>"),
        ("GetConfigurationRecorders", "<recorderIds><guid>x</guid></recorderIds>"),
    ):
        answer = post(server, message(operation, f"<token>{token}</token>{inside}"))
        assert answer.status_code in (200, 500)
        if "9999" not in inside:
            assert fault_of(answer)[0] == "s:Client", answer.text


def test_the_service_is_described_in_pieces_and_in_one(server: Management) -> None:
    pieces = ("wsdl", "wsdl=wsdl0", "wsdl=wsdl1", "xsd=xsd0", "xsd=xsd1", "xsd=xsd2", "singleWsdl", "WSDL")
    for query in pieces:
        answer = server.send("GET", f"{SVC}?{query}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
        lxml.etree.fromstring(answer.content)
    root = server.send("GET", f"{SVC}?wsdl").text
    assert 'targetNamespace="http://tempuri.org/"' in root
    assert f"{server.url}/ManagementServer/ServerCommandService.svc?wsdl=wsdl0" in root
    whole = server.send("GET", f"{OAUTH}?singleWsdl").text
    assert f'targetNamespace="{NAMESPACE}"' in whole
    assert f'location="{server.url}/ManagementServer/ServerCommandServiceOAuth.svc"' in whole
    assert server.send("GET", f"{SVC}?wsdl=wsdl7").status_code == 404
    assert server.send("GET", SVC).status_code == 200
    odd = server.send("GET", f"{SVC}?wsdl", headers={"Host": "a'b<c>&\"d"})
    assert odd.status_code == 400 or lxml.etree.fromstring(odd.content) is not None
