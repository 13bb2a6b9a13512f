"""The SOAP service of a running management server: asked by zeep, a client of somebody else's, or with raw text."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import zeep
from requests.auth import AuthBase
from zeep.transports import Transport

from tests.support.management_rig import PASSWORD, Management

NAMESPACE = "http://videoos.net/2/XProtectCSServerCommand"
SVC = "/ManagementServer/ServerCommandService.svc"
OAUTH = "/ManagementServer/ServerCommandServiceOAuth.svc"
ASMX = "/ServerAPI/ServerCommandService.asmx"
BINDINGS = {
    SVC: "{http://tempuri.org/}BasicHttpBinding_IServerCommandService",
    OAUTH: "{http://tempuri.org/}BasicHttpBinding_IServerCommandService",
    ASMX: f"{{{NAMESPACE}}}ServerCommandServiceSoap",
}
NO_GUID = "00000000-0000-0000-0000-000000000000"


class Bearer(AuthBase):
    """Sends an access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@contextmanager
def service(
    server: Management, path: str = SVC, user: str = "admin", password: str = PASSWORD, *, bearer: str = ""
) -> Iterator[Any]:
    """Yield zeep's proxy of the service at a path, made from what the server itself tells of it."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(server.running.ca)
        session.auth = Bearer(bearer) if bearer else (user, password)
        client = zeep.Client(f"{server.url}{path}?wsdl", transport=Transport(session=session))
        yield client.create_service(BINDINGS[path], server.url + path)


def login(proxy: Any) -> str:
    """Return a VMS token."""
    return str(proxy.Login(instanceId=NO_GUID, currentToken="").Token)


def message(operation: str, inside: str = "", namespace: str = NAMESPACE) -> bytes:
    """Return a message as a simple client writes it."""
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<{operation} xmlns="{namespace}">{inside}</{operation}></s:Body></s:Envelope>'
    ).encode()


def post(
    server: Management, body: bytes, path: str = SVC, auth: tuple[str, str] | None = ("admin", PASSWORD), **headers: str
) -> requests.Response:
    """Send a raw message."""
    return server.send("POST", path, auth=auth, data=body, headers={"Content-Type": "text/xml", **headers})


def fault_of(answer: requests.Response) -> tuple[str, str]:
    """Return code and text of a fault."""
    found = re.search("<faultcode>(.*?)</faultcode><faultstring>(.*?)</faultstring>", answer.text)
    assert found is not None, answer.text
    return found[1], found[2]
