"""What programs call themselves when they sign in (`client_id`, RFC 6749, 2.2). A role may let in some of ours only."""

SMART_CLIENT = "VedetteSmartClient"
MANAGEMENT_CLIENT = "VedetteManagementClient"
WEB_CLIENT = "VedetteWebClient"
MOBILE_CLIENT = "VedetteMobileClient"
ANY_PROGRAM = "VmsClient"
"""Programs that are none of these; existing ones use `GrantValidatorClient` as well."""
PROGRAMS = (SMART_CLIENT, MANAGEMENT_CLIENT, WEB_CLIENT, MOBILE_CLIENT, ANY_PROGRAM, "GrantValidatorClient")
