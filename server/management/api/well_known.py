"""What a client may ask before it signs in: where things are, and which authority to trust."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.net.tls import CA_PATH
from server.management.api.version import SERVER_VERSION
from server.management.services import Services


def router(services: Services) -> APIRouter:
    """Return the routes below `/api/.well-known`."""
    routes = APIRouter()

    @routes.get("/api/.well-known/uris")
    async def uris(request: Request) -> Response:
        root = f"https://{request.url.netloc}/"
        return JSONResponse(
            {
                "ProductVersion": SERVER_VERSION,
                "UnsecureManagementServer": "",
                "SecureManagementServer": root,
                "IdentityProvider": f"{root}IDP",
                "ApiGateways": [f"{root}API/"],
            }
        )

    @routes.get(CA_PATH)
    async def authority() -> Response:
        return Response(services.ca_pem, media_type="application/x-pem-file")

    return routes
