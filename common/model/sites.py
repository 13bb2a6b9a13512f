"""The site, other sites below it, and what of a site can be reached where."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.model.item import UNSET_TIME, Enabled, Item, Kind, NamedItem, OpenItem, Shown, Text


class Site(NamedItem):
    """One installation with one management server: the root of the tree."""

    kind: ClassVar = Kind("sites", node="Basics")
    computer_name: Annotated[Text, Shown("Computer", read_only=True)] = ""
    platform: Annotated[Text, Shown("Platform", read_only=True)] = ""
    processors: Annotated[int, Shown("Processors", read_only=True)] = 0
    physical_memory: Annotated[int, Shown("Memory", unit="bytes", read_only=True)] = 0
    time_zone: Annotated[Text, Shown("Time zone", read_only=True)] = ""
    version: Annotated[Text, Shown("Version", read_only=True)] = ""
    domain_name: Annotated[Text, Shown("Domain", read_only=True)] = ""
    service_account: Annotated[Text, Shown("Service account", read_only=True)] = ""
    master_site_address: Annotated[Text, Shown("Parent site", read_only=True)] = ""
    last_status_handshake: Annotated[Text, Shown("Last heard of", read_only=True)] = UNSET_TIME
    synchronization_status: Annotated[int, Shown("Synchronisation", read_only=True)] = 0


class Owner(OpenItem):
    """Who runs the site. Free keys such as `[<id>]/address.Email` are kept as they come."""

    kind: ClassVar = Kind("owner", parents=("sites",), node="Basics", single=True)


class ChildSite(NamedItem):
    """A site below this one."""

    kind: ClassVar = Kind("childSites", parents=("sites", "childSites"), node="Basics", changeable=False)
    connection_state: Annotated[Text, Shown("Connection", read_only=True)] = ""
    service_account: Annotated[Text, Shown("Service account", read_only=True)] = ""
    synchronization_status: Annotated[int, Shown("Synchronisation", read_only=True)] = 0
    version: Annotated[Text, Shown("Version", read_only=True)] = ""


class SiteAddress(Item):
    """Where a site below this one is reached."""

    kind: ClassVar = Kind("siteAddresses", parents=("childSites",), changeable=False)
    address_type: Annotated[Literal["Internal", "External", "Server"], Shown("Type", read_only=True)] = "Internal"
    url: Annotated[Text, Shown("Address", read_only=True)] = ""


class SystemAddress(Item):
    """Where this site is reached."""

    kind: ClassVar = Kind("systemAddresses", parents=("sites",), changeable=False)
    address_type: Annotated[Literal["Internal", "External", "Server"], Shown("Type", read_only=True)] = "Server"
    url: Annotated[Text, Shown("Address", read_only=True)] = ""


class RegisteredService(NamedItem):
    """A service that clients find by its type."""

    kind: ClassVar = Kind("registeredServices", parents=("sites",), node="Servers", creatable=True, deletable=True)
    enabled: Enabled = True
    service_type: Annotated[Text, Shown("Service type", help="A GUID that all instances share.")] = ""
    uris: Annotated[tuple[Text, ...], Field(max_length=64), Shown("Addresses")] = ()
    endpoints: Annotated[tuple[dict[str, Text], ...], Field(max_length=64), Shown("Endpoints")] = ()
    custom_data: Annotated[Text, Shown("Custom data")] = ""


class ToolOptions(NamedItem):
    """Limits that hold on the whole site."""

    kind: ClassVar = Kind("toolOptions", parents=("sites",), node="Basics")
    manual_ptz_timeout_seconds: Annotated[
        int, Field(ge=0, le=86_400), Shown("A camera moved by hand is free after", "PTZ", unit="s")
    ] = 15
    patrolling_pause_timeout_seconds: Annotated[
        int, Field(ge=0, le=86_400), Shown("A paused patrol goes on after", "PTZ", unit="s")
    ] = 600
    reserved_ptz_timeout_seconds: Annotated[
        int, Field(ge=0, le=604_800), Shown("A reserved camera is free after", "PTZ", unit="s")
    ] = 3600
    device_error_timeout_sec: Annotated[
        int, Field(ge=0, le=86_400), Shown("A device may be away without an error for", "Devices", unit="s")
    ] = 0


class LicenseInformation(NamedItem):
    """What the installation may do: everything. Kept so that programs which ask for it are answered."""

    kind: ClassVar = Kind("licenseInformations", parents=("sites",), node="Basics")
    slc: Annotated[Text, Shown("Licence code", read_only=True)] = ""
    sku: Annotated[Text, Shown("Product", read_only=True)] = ""
    care_level: Annotated[Text, Shown("Care level", read_only=True)] = ""
    care_id: Annotated[Text, Shown("Care number", read_only=True)] = ""
    activation_automatic: Annotated[bool, Shown("Activate by itself")] = True


class LicenseDetail(Item):
    """How many devices of a type may be used."""

    kind: ClassVar = Kind("licenseDetails", parents=("licenseInformations",), changeable=False)
    license_type: Annotated[Text, Shown("Type", read_only=True)] = ""
    activated: Annotated[Text, Shown("Activated", read_only=True)] = ""
    changes_without_activation: Annotated[Text, Shown("Changes without activation", read_only=True)] = ""
    in_grace: Annotated[int, Shown("In grace", read_only=True)] = 0
    grace_expired: Annotated[int, Shown("Grace expired", read_only=True)] = 0
    not_licensed: Annotated[int, Shown("Not licensed", read_only=True)] = 0
    note: Annotated[Text, Shown("Note", read_only=True)] = ""
    plugin_id: Annotated[Text, Shown("Plug-in", read_only=True)] = ""


class LicenseOverview(Item):
    """How much of what may be used is in use."""

    kind: ClassVar = Kind("licenseOverviewAll", parents=("licenseInformations",), changeable=False)
    license_type: Annotated[Text, Shown("Type", read_only=True)] = ""
    activated: Annotated[Text, Shown("Activated", read_only=True, help='As in "3 out of 8".')] = ""


class LicenseInstalledProduct(Item):
    """A product that is installed."""

    kind: ClassVar = Kind("licenseInstalledProducts", parents=("licenseInformations",), changeable=False)
    product_display_name: Annotated[Text, Shown("Product", read_only=True)] = ""
    slc: Annotated[Text, Shown("Licence code", read_only=True)] = ""
    expiration_date: Annotated[Text, Shown("Until", read_only=True)] = ""
    care_plus: Annotated[Text, Shown("Care Plus", read_only=True)] = ""
    care_premium: Annotated[Text, Shown("Care Premium", read_only=True)] = ""
