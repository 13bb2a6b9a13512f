"""What operators work with: views, layouts, profiles, video walls and maps."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from common.model.device_children import Part
from common.model.item import Enabled, Kind, NamedItem, OpenItem, Shown, Text

_LONG = Annotated[str, Field(max_length=262_144)]


class ViewGroup(NamedItem):
    """A folder of views. `owner` empty: shared by everybody who may see it; else only for that user."""

    kind: ClassVar = Kind(
        "viewGroups", parents=("sites", "viewGroups"), node="Client/View groups", creatable=True, deletable=True
    )
    owner: Annotated[Text, Shown("Owner", help="Id of the user whose private folder it is; empty: shared.")] = ""
    position: Annotated[int, Field(ge=0, le=1_000_000), Shown("Place")] = 0


class LayoutPlace(Part):
    """A rectangle of a view, on a grid of 1000 by 1000."""

    x: Annotated[int, Field(ge=0, le=1000)] = 0
    y: Annotated[int, Field(ge=0, le=1000)] = 0
    width: Annotated[int, Field(ge=1, le=1000)] = 1000
    height: Annotated[int, Field(ge=1, le=1000)] = 1000


class ViewItem(Part):
    """What is shown in a place of a view."""

    view_item_position: Annotated[int, Field(ge=0, le=999)] = 0
    view_item_definition_xml: _LONG = ""


class View(NamedItem):
    """What is shown together, and where."""

    kind: ClassVar = Kind("views", parents=("viewGroups",), node="Client/View groups", creatable=True, deletable=True)
    shortcut: Annotated[Text, Field(max_length=16), Shown("Shortcut number")] = ""
    position: Annotated[int, Field(ge=0, le=1_000_000), Shown("Place")] = 0
    layout_icon: Annotated[Text, Shown("Icon", read_only=True)] = ""
    layout_view_items: Annotated[tuple[LayoutPlace, ...], Field(max_length=100), Shown("Places", "Layout")] = ()
    view_item: Annotated[tuple[ViewItem, ...], Field(max_length=100), Shown("Contents", "Layout")] = ()
    definition: Annotated[
        _LONG, Shown("Definition", "Layout", help="What our own client keeps of the view, as JSON.")
    ] = ""


class LayoutGroup(NamedItem):
    """A family of layouts."""

    kind: ClassVar = Kind("layoutGroups", parents=("sites",), node="Client/Layouts", creatable=True, deletable=True)


class Layout(NamedItem):
    """Places to show things in, ready for use in views."""

    kind: ClassVar = Kind("layouts", parents=("layoutGroups",), node="Client/Layouts", creatable=True, deletable=True)
    definition_xml: Annotated[_LONG, Shown("Definition")] = ""
    layout_view_items: Annotated[tuple[LayoutPlace, ...], Field(max_length=100), Shown("Places", "Layout")] = ()


class ClientProfile(NamedItem, OpenItem):
    """How the Smart Client behaves for a role. Free keys hold values; those ending in `Locked` say which are fixed."""

    kind: ClassVar = Kind(
        "clientProfiles", parents=("sites",), node="Client/Client profiles", creatable=True, deletable=True
    )
    is_default_profile: Annotated[bool, Shown("Default", read_only=True)] = False


class EvidenceLockProfile(NamedItem):
    """For how long a role may lock evidence."""

    kind: ClassVar = Kind(
        "evidenceLockProfiles",
        parents=("sites",),
        node="Client/Evidence lock profiles",
        creatable=True,
        deletable=True,
    )
    retention_time_options: Annotated[
        tuple[Text, ...], Field(max_length=64), Shown("Choices", help="Indefinite, UserDefined or n Hours, Days, Years")
    ] = ("Indefinite", "UserDefined", "1 Days", "7 Days", "30 Days", "1 Years")


class VideoWall(NamedItem):
    """Screens that are seen by many, and steered from any client."""

    kind: ClassVar = Kind("videoWalls", parents=("sites",), node="Client/Video walls", creatable=True, deletable=True)
    status_text: Annotated[bool, Shown("Status text", "Look")] = True
    title_bar: Annotated[Literal["None", "TitleBar", "TitleBarWithLiveIndicator"], Shown("Title bar", "Look")] = (
        "TitleBarWithLiveIndicator"
    )


class Monitor(NamedItem):
    """One screen of a video wall."""

    kind: ClassVar = Kind(
        "monitors", parents=("videoWalls",), node="Client/Video walls", creatable=True, deletable=True
    )
    monitor_size: Annotated[Text, Shown("Size", "Screen")] = "1920 x 1080"
    aspect_ratio: Annotated[Text, Shown("Aspect ratio", "Screen")] = "16:9"
    location_x: Annotated[int, Field(ge=-100_000, le=100_000), Shown("Left edge", "Place")] = 0
    location_y: Annotated[int, Field(ge=-100_000, le=100_000), Shown("Upper edge", "Place")] = 0
    layout: Annotated[Text, Shown("Layout", "Contents")] = ""
    empty_view_items: Annotated[
        Literal["Preserve", "Clear"], Shown("Places without a camera", "Contents", help="When a preset is set.")
    ] = "Preserve"
    insertion: Annotated[Literal["Independent", "Linked"], Shown("New cameras", "Contents")] = "Independent"
    current: Annotated[dict[str, Any], Field(default_factory=dict, max_length=64), Shown("Shows now", read_only=True)]


class MonitorPreset(NamedItem):
    """What a preset of a wall does with one screen."""

    kind: ClassVar = Kind(
        "monitorPresets", parents=("monitors",), node="Client/Video walls", creatable=True, deletable=True
    )
    used_preset: Annotated[bool, Shown("Changes this screen")] = False
    layout: Annotated[Text, Shown("Layout")] = ""
    view_items: Annotated[tuple[ViewItem, ...], Field(max_length=100), Shown("Contents")] = ()


class VideoWallPreset(NamedItem):
    """A state that a whole wall can be set to."""

    kind: ClassVar = Kind(
        "videoWallPresets",
        parents=("videoWalls",),
        node="Client/Video walls",
        creatable=True,
        deletable=True,
    )


class Matrix(NamedItem):
    """A client that pictures can be sent to."""

    kind: ClassVar = Kind("matrix", parents=("sites",), node="Client/Matrix", creatable=True, deletable=True)
    enabled: Enabled = True
    address: Annotated[Text, Shown("Address", "Network")] = ""
    port: Annotated[int, Field(ge=1, le=65_535), Shown("Port", "Network")] = 12_345
    password: Annotated[Text, Shown("Password", "Network", secret=True)] = ""


class GisMapLocation(NamedItem):
    """A place on the map to go to."""

    kind: ClassVar = Kind("gisMapLocations", parents=("sites",), node="Client/Maps", creatable=True, deletable=True)
    address: Annotated[Text, Shown("Address")] = ""
    position_x: Annotated[float, Field(ge=-180, le=180), Shown("Longitude")] = 0.0
    position_y: Annotated[float, Field(ge=-90, le=90), Shown("Latitude")] = 0.0
    zoom_level: Annotated[float, Field(ge=0, le=30), Shown("Zoom")] = 10.0
    color: Annotated[Text, Shown("Colour")] = ""


class Compressor(NamedItem):
    """A way to compress exported films."""

    kind: ClassVar = Kind("compressors", parents=("sites",))
    quality: Annotated[int, Field(ge=1, le=100), Shown("Quality")] = 75
