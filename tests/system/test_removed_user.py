"""A removed user is out within ten seconds: of management at once, of recorders by their list of revoked tokens."""

import asyncio
from pathlib import Path

import pytest
import requests

from common.clients.management import ManagementClient
from common.clients.media import open_media_connection
from common.foundation.errors import NotSignedIn
from common.model.users import OPERATORS_ROLE_ID
from tests.support.running_site import RunningSite, running_site
from tests.support.site_viewer import SiteViewer

pytestmark = pytest.mark.integration

_PASSWORD = "Watch-and-see-5"


def rest(site: RunningSite, method: str, path: str, **body: object) -> dict[str, object]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method,
            f"{site.told['management']['https']}/api/rest/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {site.client.access_token()}"},
            verify=site.told["management"]["ca"],
            timeout=30,
        )
    assert answer.ok, answer.text
    told: dict[str, object] = answer.json()
    return told


async def test_a_removed_user_is_out_within_ten_seconds(tmp_path: Path) -> None:
    with running_site(tmp_path) as site:
        made = rest(site, "POST", "basicUsers", name="olga", password=_PASSWORD)["result"]
        assert isinstance(made, dict)
        rest(site, "POST", f"roles/{OPERATORS_ROLE_ID}/users?task=AddRoleMember", sid=made["id"])
        with ManagementClient(site.told["management"]["https"], site.ca_pem) as olga:
            olga.sign_in("olga", _PASSWORD)
            token = olga.access_token()
            async with open_media_connection(site.media_uri, site.tls(), token, SiteViewer()) as viewing:
                await asyncio.to_thread(rest, site, "DELETE", f"basicUsers/{made['id']}")
                with pytest.raises(NotSignedIn):
                    olga.cameras()
                async with asyncio.timeout(10):
                    assert isinstance(await viewing.wait_closed(), NotSignedIn)
            with pytest.raises(NotSignedIn):
                async with open_media_connection(site.media_uri, site.tls(), token, SiteViewer()):
                    pass
