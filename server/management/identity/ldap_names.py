"""User names as people type them, and LDAP filters that hold them safely (RFC 4515)."""

from dataclasses import dataclass

from ldap3.utils.conv import escape_bytes, escape_filter_chars

from common.model.identity import Directory

MATCHING_RULE_IN_CHAIN = "1.2.840.113556.1.4.1941"
"""Active Directory's rule that follows memberships through nested groups (MS-ADTS 3.1.1.3.4.4.3)."""


@dataclass(frozen=True, slots=True)
class DirectoryName:
    """A user name taken apart. `qualifier`: what stood before the backslash or behind the @."""

    user: str
    qualifier: str
    form: str  # "domain", "principal" or "bare"


def taken_apart(name: str) -> DirectoryName:
    r"""Read `DOMAIN\user`, `user@domain` or `user`."""
    before, backslash, after = name.strip().partition("\\")
    if backslash:
        return DirectoryName(after.strip(), before.strip(), "domain")
    user, at, domain = name.strip().rpartition("@")
    if at and user:
        return DirectoryName(user.strip(), domain.strip(), "principal")
    return DirectoryName(name.strip(), "", "bare")


def belongs_to(name: DirectoryName, directory: Directory) -> bool:
    """Tell whether a name's domain is this directory's."""
    if not name.user:
        return False
    wanted = name.qualifier.casefold()
    dns = {each.casefold() for each in directory.dns_domains}
    if name.form == "domain":
        return wanted == directory.domain.casefold() != "" or wanted in dns
    return name.form == "principal" and wanted in dns


def user_filter(name: DirectoryName, directory: Directory) -> str:
    """Return what finds the user of a name, and nobody else."""
    user = escape_filter_chars(name.user)
    if directory.directory_type == "OpenLdap":
        return f"(&(objectClass=person)(uid={user}))"
    account = f"(sAMAccountName={user})"
    if name.form == "principal":
        principal = escape_filter_chars(f"{name.user}@{name.qualifier}")
        account = f"(|(userPrincipalName={principal}){account})"
    return f"(&(objectCategory=person)(objectClass=user){account})"


def groups_filter(user_dn: str, directory: Directory) -> str:
    """Return what finds the groups of a user or group: in Active Directory through nested ones as well."""
    dn = escape_filter_chars(user_dn)
    if directory.directory_type == "OpenLdap":
        return f"(|(&(objectClass=groupOfNames)(member={dn}))(&(objectClass=groupOfUniqueNames)(uniqueMember={dn})))"
    return f"(&(objectClass=group)(member:{MATCHING_RULE_IN_CHAIN}:={dn}))"


def subject_filter(subject: str, directory: Directory) -> str:
    """Return what finds the object with a SID or `entryUUID`; raise ValueError when it is neither."""
    if directory.directory_type == "OpenLdap":
        return f"(entryUUID={escape_filter_chars(subject)})"
    return f"(objectSid={escape_bytes(sid_bytes(subject))})"


def member_filter(text: str, directory: Directory) -> str:
    """Return what finds users and groups whose name begins with `text`, or the one that is called so."""
    part = escape_filter_chars(taken_apart(text).user)
    if directory.directory_type == "OpenLdap":
        groups = "(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)"
        return f"(|(&(objectClass=person)(|(uid={part}*)(cn={part}*)))(&(|{groups})(cn={part}*)))"
    return f"(&(|(objectCategory=person)(objectCategory=group))(|(sAMAccountName={part}*)(displayName={part}*)))"


def sid_text(sid: bytes) -> str:
    """Write a security identifier as text (MS-DTYP 2.4.2.1); raise ValueError."""
    if len(sid) < 8 or len(sid) != 8 + 4 * sid[1]:
        raise ValueError("not a security identifier")
    parts = [int.from_bytes(sid[at : at + 4], "little") for at in range(8, len(sid), 4)]
    return "-".join(["S", str(sid[0]), str(int.from_bytes(sid[2:8], "big")), *map(str, parts)])


def sid_bytes(text: str) -> bytes:
    """Read a security identifier; raise ValueError."""
    letter, *numbers = text.strip().split("-")
    if letter.upper() != "S" or not 2 <= len(numbers) <= 17:
        raise ValueError(f"{text!r} is no security identifier")
    revision, authority, *parts = (int(each) for each in numbers)
    if not (0 <= revision < 256 and 0 <= authority < 1 << 48 and all(0 <= each < 1 << 32 for each in parts)):
        raise ValueError(f"{text!r} is no security identifier")
    words = b"".join(each.to_bytes(4, "little") for each in parts)
    return bytes((revision, len(parts))) + authority.to_bytes(6, "big") + words
