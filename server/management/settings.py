"""What an administrator may set for the management server: the table `[management]`."""

from pydantic import IPvAnyAddress

from common.foundation.settings import Settings, setting


class ManagementSettings(Settings):
    """The table `[management]`."""

    https_port: int = setting(
        443,
        "Port for clients. 443, when it may not be used and nothing else was set, becomes 8443. 0: any.",
        ge=0,
        le=65_535,
    )
    bind_address: IPvAnyAddress = setting("0.0.0.0", "Address of this machine to listen on; `::` also takes IPv6.")
    hosts: list[str] = setting(
        [], "More names and addresses that clients reach this server by; they go into its certificate."
    )
    site_name: str = setting("", "Name of the site, used at first start; empty: the machine's name.", max_length=255)
    announce: bool = setting(True, "Let clients on the local network find this server (zeroconf).")
    token_life_s: int = setting(3600, "Life of an access token.", unit="s", ge=20, le=86_400)
    session_life_s: int = setting(
        2_592_000, "How long a client may stay signed in without a password.", unit="s", ge=3600, le=31_536_000
    )
    lockout_after: int = setting(5, "Wrong passwords in a row that lock an account for a while.", ge=1, le=100)
    lockout_first_s: int = setting(30, "First lock; each further wrong password doubles it.", unit="s", ge=1, le=3600)
    lockout_most_s: int = setting(900, "Longest lock.", unit="s", ge=1, le=86_400)
    address_lockout_after: int = setting(
        30, "Wrong passwords from one network address that lock it for a while; they fade.", ge=1, le=100_000
    )
    password_classes: int = setting(
        1, "How many of small letters, capitals, digits and other characters a password must hold.", ge=1, le=4
    )
    password_history: int = setting(0, "Passwords, the present one included, that may not be taken again.", ge=0, le=24)
    password_max_age_days: int = setting(
        0, "After so many days a password must be changed; 0: never.", unit="days", ge=0, le=3650
    )
    password_hash_memory_kib: int = setting(
        65_536, "Memory that a password's hash costs (argon2id).", unit="KiB", ge=19_456, le=1_048_576
    )
    password_hash_passes: int = setting(3, "Passes over that memory.", ge=1, le=20)
    redirect_uris: list[str] = setting(
        [], "Where the sign-in page may lead back to, beside this server and programs on the user's own machine."
    )
    kerberos_keytab: str = setting(
        "", "Keytab of the service HTTP/<this server's name>, for signing in with a Kerberos ticket."
    )
    directory_threads: int = setting(4, "Questions to directories at once.", ge=1, le=64)
    password_min_chars: int = setting(8, "Shortest password of a basic user.", unit="characters", ge=4, le=128)
    history_keep_days: int = setting(
        3650, "How long versions of configuration items are kept. 0: for ever.", unit="days", ge=0, le=36_500
    )
    audit_keep_days: int = setting(365, "How long the audit log is kept. 0: for ever.", unit="days", ge=0, le=36_500)
    database_url: str = setting(
        "",
        "Where the configuration is kept: `postgresql://user@host/database`, `mssql://user@host/database` or "
        "`sqlite:////folder/file`. Options: `?tls=off|encrypt|verify`, `&ca_file=`, `&password_file=`. "
        "Empty: a SQLite file in the data folder.",
        repr=False,
    )
    database_password: str = setting(
        "", "Password for the database, better given by the environment, or as a file in `database_url`.", repr=False
    )
    database_threads: int = setting(4, "Threads for the configuration database.", ge=1, le=64)
    database_pool: int = setting(16, "Most connections to the database.", ge=4, le=256)
    database_connect_s: int = setting(5, "Longest wait for a connection to the database.", unit="s", ge=1, le=60)
    database_statement_s: int = setting(30, "Longest time of one statement.", unit="s", ge=1, le=600)
    database_patience_s: float = setting(
        5.0,
        "For how long a change is tried again while the database is away, before clients are told.",
        unit="s",
        ge=0,
        le=60,
    )
    log_level: str = setting(
        "INFO", "How much is logged: DEBUG, INFO, WARNING or ERROR.", pattern="^(DEBUG|INFO|WARNING|ERROR)$"
    )
