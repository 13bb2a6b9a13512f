"""The site itself: the root of the tree."""

from typing import Annotated, ClassVar

from common.model.item import Item, Kind, Shown, Text


class Site(Item):
    """One installation with one management server."""

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
    synchronization_status: Annotated[int, Shown("Synchronisation", read_only=True)] = 0
