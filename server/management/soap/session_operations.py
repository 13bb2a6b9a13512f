"""Signing in for a VMS token, signing out, and what is told of the server itself."""

import logging

from common.foundation.clock import US_PER_S, UtcUs
from server.management.api.version import SERVER_VERSION
from server.management.soap.asked import Asked
from server.management.soap.contracts import Guid, Long
from server.management.soap.site_contracts import LoginInfo, ProductInfo, TimeDuration, UserInformation

audit = logging.getLogger("server.management.audit")

_PRODUCT_LINE = Guid("83a8680e-30b1-46d7-8fd2-cb3d0bf7db9e")
_VENDOR = Guid("84594050-3c80-465c-a3ab-7c337ce4fd23")
_PRODUCT_CODE = "440"  # clients look up by it which features to offer
_MAJOR, _MINOR, _BUILD = (int(part) for part in SERVER_VERSION.split(".")[:3])


def login(asked: Asked) -> LoginInfo:
    """Give a new token; an older one, `currentToken`, goes on until it runs out."""
    asked.call.guid("instanceId")
    token = asked.tokens.mint(asked.session, asked.who.user_id, asked.host, asked.session_id)
    fields = {"user": asked.who.name, "user_id": asked.who.user_id, "client": "ServerCommandService"}
    audit.info("signed in", extra=fields)
    return LoginInfo(
        registration_time=UtcUs(token.registered_s * US_PER_S),
        time_to_live=TimeDuration(micro_seconds=Long(token.life_us)),
        time_to_live_limited=False,
        token=token.text,
    )


def logout(asked: Asked) -> None:
    """End a token; knowing it is proof enough."""
    asked.tokens.revoke(asked.session, asked.call.text("currentToken"))


def version(_: Asked) -> int:
    return _MAJOR


def server_version(_: Asked) -> str:
    return SERVER_VERSION


def is_online(_: Asked) -> bool:
    """A server that answers serves."""
    return True


def product(_: Asked) -> ProductInfo:
    return ProductInfo(
        build_configuration="Release",
        build_date="",
        build_number=_BUILD,
        major_version=_MAJOR,
        minor_version=_MINOR,
        product_code=_PRODUCT_CODE,
        product_line=_PRODUCT_LINE,
        product_name="Vedette",
        slc="",
        service_version=_MAJOR,
        sub_product="",
        vendor_id=_VENDOR,
    )


def user(asked: Asked) -> UserInformation:
    return UserInformation(name=asked.who.name, sid=asked.who.user_id)


def register_integration(asked: Asked) -> None:
    """Note which program works with the site: administrators ask for it when something misbehaves."""
    call = asked.call
    audit.info(
        "integration registered",
        extra={
            "user": asked.who.name,
            "user_id": asked.who.user_id,
            "instance": call.guid("instanceId"),
            "integration": call.guid("integrationId"),
            "version": call.text("integrationVersion")[:100],
            "integration_name": call.text("integrationName")[:200],
            "manufacturer": call.text("manufacturerName")[:200],
        },
    )
