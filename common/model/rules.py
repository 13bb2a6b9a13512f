"""Rules, the times at which they hold, what they send and say, and what alarms are made of."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from common.model.device_children import Part
from common.model.item import Enabled, Kind, NamedItem, OpenItem, Shown, Text

Texts = Annotated[tuple[Text, ...], Field(max_length=1000)]
Values = Annotated[tuple[Any, ...], Field(max_length=1000)]


class Rule(NamedItem, OpenItem):
    """What is done when something happens. Details of its actions stand in free keys such as
    `Start.StartRecording.Delay`."""

    kind: ClassVar = Kind("rules", parents=("sites",), node="Rules and events/Rules", creatable=True, deletable=True)
    enabled: Enabled = True
    always: Annotated[bool, Shown("Always", "Conditions")] = True
    days_of_week: Annotated[bool, Shown("On days of the week", "Conditions")] = False
    time_of_day_between: Annotated[bool, Shown("Between times of day", "Conditions")] = False
    within_time_profile: Annotated[bool, Shown("Within a time profile", "Conditions")] = False
    outside_time_profile: Annotated[bool, Shown("Outside a time profile", "Conditions")] = False
    failover_active: Annotated[bool, Shown("While a failover server stands in", "Conditions")] = False
    failover_inactive: Annotated[bool, Shown("While no failover server stands in", "Conditions")] = False
    start_rule_type: Annotated[Literal["Event", "TimeInterval", "RecurringTime"], Shown("Begins by", "Start")] = "Event"
    start_actions: Annotated[Text, Shown("Actions", "Start")] = ""
    stop_rule_type: Annotated[Literal["Event", "TimeInterval", "Timer", "None"], Shown("Ends by", "Stop")] = "None"
    stop_actions: Annotated[Text, Shown("Actions at the end", "Stop")] = ""


class Appointment(Part):
    """A span of a time profile, perhaps one that comes again (as in RFC 5545)."""

    subject: Text = ""
    start_date_time: Text = ""
    end_date_time: Text = ""
    recurrence: Text = ""


class TimeProfile(NamedItem):
    """Times at which rules, permissions and alarms hold."""

    kind: ClassVar = Kind(
        "timeProfiles", parents=("sites",), node="Rules and events/Time profiles", creatable=True, deletable=True
    )
    sun_clock_enabled: Annotated[bool, Shown("By the length of the day", "Day length")] = False
    sun_clock_latitude: Annotated[float, Field(ge=-90, le=90), Shown("Latitude", "Day length")] = 0.0
    sun_clock_longitude: Annotated[float, Field(ge=-180, le=180), Shown("Longitude", "Day length")] = 0.0
    sun_clock_sun_rise_offset: Annotated[int, Field(ge=-720, le=720), Shown("Sunrise", "Day length", unit="min")] = 0
    sun_clock_sun_set_offset: Annotated[int, Field(ge=-720, le=720), Shown("Sunset", "Day length", unit="min")] = 0
    sun_clock_time_zone: Annotated[Text, Shown("Time zone", "Day length")] = ""
    time_profile_appointments: Annotated[
        tuple[Appointment, ...], Field(max_length=1000), Shown("Appointments", "Times")
    ] = ()
    time_profile_appointments_recur: Annotated[
        tuple[Appointment, ...], Field(max_length=1000), Shown("Appointments that come again", "Times")
    ] = ()


class MailNotificationProfile(NamedItem):
    """A mail that rules send."""

    kind: ClassVar = Kind(
        "mailNotificationProfiles",
        parents=("sites",),
        node="Rules and events/Notification profiles",
        creatable=True,
        deletable=True,
    )
    recipients: Annotated[Text, Shown("To", "Mail", help="Several are parted by semicolons.")] = ""
    subject: Annotated[Text, Shown("Subject", "Mail")] = ""
    message_text: Annotated[Text, Shown("Text", "Mail")] = ""
    time_between_mails: Annotated[int, Field(ge=0, le=86_400), Shown("At most one in", "Mail", unit="s")] = 0
    include_images: Annotated[bool, Shown("Pictures", "Pictures")] = False
    number_of_images: Annotated[int, Field(ge=1, le=20), Shown("How many", "Pictures")] = 5
    time_between_images: Annotated[int, Field(ge=1, le=60_000), Shown("Apart", "Pictures", unit="ms")] = 500
    embed_images: Annotated[bool, Shown("Within the text", "Pictures")] = True
    include_a_v_i: Annotated[bool, Field(alias="includeAVI"), Shown("Clip", "Clip")] = False
    time_before_event: Annotated[int, Field(ge=0, le=60), Shown("Before the event", "Clip", unit="s")] = 2
    time_after_event: Annotated[int, Field(ge=0, le=60), Shown("After the event", "Clip", unit="s")] = 4
    frame_rate: Annotated[int, Field(ge=1, le=60), Shown("Frame rate", "Clip", unit="1/s")] = 5


class AudioMessage(NamedItem):
    """A recording that rules and operators play on loudspeakers."""

    kind: ClassVar = Kind(
        "audioMessages", parents=("sites",), node="Rules and events/Audio messages", creatable=True, deletable=True
    )
    original_file_name: Annotated[Text, Shown("File", read_only=True)] = ""


class AlarmDefinition(NamedItem):
    """Which events become an alarm, and who is to see it."""

    kind: ClassVar = Kind("alarmDefinitions", parents=("sites",), node="Alarms", creatable=True, deletable=True)
    enabled: Enabled = True
    event_type_group: Annotated[Text, Shown("Event group", "Trigger")] = ""
    event_type: Annotated[Text, Shown("Event", "Trigger")] = ""
    source_list: Annotated[Values, Shown("Sources", "Trigger")] = ()
    enable_rule: Annotated[
        int, Field(ge=0, le=2), Shown("Holds", "Trigger", help="0: always, 1: in a time profile, 2: between events")
    ] = 0
    time_profile: Annotated[Text, Shown("Time profile", "Trigger")] = ""
    enable_event_list: Annotated[Values, Shown("Switched on by", "Trigger")] = ()
    disable_event_list: Annotated[Values, Shown("Switched off by", "Trigger")] = ()
    priority: Annotated[Text, Shown("Priority", "Alarm")] = ""
    category: Annotated[Text, Shown("Category", "Alarm")] = ""
    owner: Annotated[Text, Shown("First owner", "Alarm")] = ""
    assignable_to_admins: Annotated[bool, Shown("Administrators may own it", "Alarm")] = False
    related_camera_list: Annotated[Values, Shown("Related cameras", "Alarm")] = ()
    related_map: Annotated[Text, Shown("Related map", "Alarm")] = ""
    map_type: Annotated[int, Field(ge=0, le=2), Shown("Map", "Alarm", help="0: none, 1: map, 2: smart map")] = 0
    management_timeout_time: Annotated[Text, Shown("To be handled within", "Alarm")] = "00:01:00"
    management_timeout_event_list: Annotated[Values, Shown("Else cause", "Alarm")] = ()
    trigger_eventlist: Annotated[Values, Shown("Cause", "Alarm")] = ()
    auto_close: Annotated[bool, Shown("Close when its event ends", "Alarm")] = False


class SaveSearch(NamedItem, OpenItem):
    """A search that somebody keeps."""

    kind: ClassVar = Kind("saveSearches", parents=("sites",), creatable=True, deletable=True)
    available_to_all: Annotated[bool, Shown("For everybody")] = False
    owner: Annotated[Text, Shown("Owner", read_only=True)] = ""


class MipKind(NamedItem):
    """A kind of item that a plug-in brings."""

    kind: ClassVar = Kind("mipKinds", parents=("sites",), creatable=True, deletable=True)
    plugin_id: Annotated[Text, Shown("Plug-in")] = ""
    parent_kind: Annotated[Text, Shown("Kind above")] = ""
    kind_type: Annotated[Text, Shown("Type")] = ""


class MipItem(NamedItem, OpenItem):
    """An item of a plug-in's own, with whatever properties that gives it."""

    kind: ClassVar = Kind("mipItems", parents=("mipKinds", "mipItems", "sites"), creatable=True, deletable=True)
