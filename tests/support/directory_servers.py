"""Real directories to sign in against: OpenLDAP's slapd, and a Samba Active Directory domain controller.

Both hold the users alice, bob, carol and dave and the groups operators (bob, and the group managers) and managers
(alice, dave); the domain controller also eve (disabled), frank (expired) and gina (must change her password).
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.net.certificates import create_authority, issue_certificate

PASSWORD = "Lab-Pass-1"
_ADMIN = "Lab-Admin-1"
_SLAPD_MODULES = Path("/usr/lib/ldap")
_SAMBA_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class DirectoryServer:
    """A running directory, and how to ask it."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    address: str
    ldap_port: int
    ldaps_port: int
    item: dict[str, object]  # properties of a `directories` item
    keytab: Path | None = None
    krb5_conf: Path | None = None

    @property
    def ldap(self) -> str:
        return f"ldap://{self.address}:{self.ldap_port}"

    @property
    def ldaps(self) -> str:
        return f"ldaps://{self.address}:{self.ldaps_port}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def slapd_missing() -> str:
    """Return why slapd cannot run here, "" when it can."""
    return (
        ""
        if shutil.which("slapd", path=_sbin()) and shutil.which("slapadd", path=_sbin())
        else "slapd is not installed"
    )


def samba_missing() -> str:
    """Return why a domain controller cannot run here, "" when it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a domain controller needs root, for its well-known ports"
    for program in ("samba", "samba-tool"):
        if shutil.which(program, path=_sbin()) is None:
            return f"{program} is not installed"
    if not Path("/usr/share/samba/setup").is_dir():
        return "samba-ad-provision is not installed"
    return ""


@contextmanager
def slapd_server(folder: Path) -> Iterator[DirectoryServer]:
    """Run OpenLDAP, ready in about a second."""
    folder.mkdir(parents=True)
    authority = create_authority("directory")
    issue_certificate(authority, ["localhost", "127.0.0.1"]).write(folder / "cert.pem", folder / "key.pem")
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    (folder / "db").mkdir()
    (folder / "slapd.conf").write_text(_SLAPD_CONF.format(folder=folder, modules=_SLAPD_MODULES, admin=_ADMIN))
    (folder / "data.ldif").write_text(_slapd_data())
    path = {"PATH": _sbin()}
    conf = str(folder / "slapd.conf")
    subprocess.run(["slapadd", "-f", conf, "-l", str(folder / "data.ldif"), "-q"], check=True, env=path)
    ldap_port, ldaps_port = _free_ports(2)
    urls = f"ldap://127.0.0.1:{ldap_port} ldaps://127.0.0.1:{ldaps_port}"
    with (folder / "slapd.log").open("wb") as log:
        process = subprocess.Popen(["slapd", "-d", "0", "-f", conf, "-h", urls], stdout=log, stderr=log, env=path)
    try:
        _wait_until_open(process, ("127.0.0.1", ldap_port), folder / "slapd.log")
        item: dict[str, object] = {
            "name": "OpenLDAP",
            "directoryType": "OpenLdap",
            "caCertificates": authority.certificate_pem.decode(),
            "baseDn": "dc=lab,dc=test",
            "bindUser": "cn=reader,dc=lab,dc=test",
            "bindPassword": PASSWORD,
            "domain": "OPEN",
            "dnsDomains": ["open.test"],
        }
        yield DirectoryServer(process, folder, "127.0.0.1", ldap_port, ldaps_port, item)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def samba_server(folder: Path) -> Iterator[DirectoryServer]:
    """Run a domain controller on a loopback address of its own, ready in about ten seconds."""
    folder.mkdir(parents=True)
    with _own_address() as address:
        environment = {**os.environ, "PATH": _sbin(), "KRB5_CONFIG": str(folder / "krb5.conf")}
        conf = _provision(folder, address, environment)
        (folder / "krb5.conf").write_text(_KRB5_CONF.format(address=address))
        script = [_SAMBA_PYTHON, "-c", _SAMBA_USERS, str(conf), PASSWORD]
        subprocess.run(script, check=True, env=environment, stdout=subprocess.DEVNULL)
        keytab = folder / "http.keytab"
        export = ["samba-tool", "domain", "exportkeytab", str(keytab), "--principal=HTTP/vms.lab.test"]
        subprocess.run([*export, f"--configfile={conf}"], check=True, env=environment, stdout=subprocess.DEVNULL)
        with (folder / "samba.log").open("wb") as log:
            process = subprocess.Popen(
                ["samba", "-i", f"--configfile={conf}"],
                stdout=log,
                stderr=log,
                stdin=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        try:
            for port in (389, 636, 88):
                _wait_until_open(process, (address, port), folder / "samba.log")
            ca = folder / "dc" / "private" / "tls" / "ca.pem"
            item: dict[str, object] = {
                "name": "Active Directory",
                "directoryType": "ActiveDirectory",
                "caCertificates": ca.read_text(),
                "serverName": "dc1.lab.test",
                "baseDn": "DC=lab,DC=test",
                "bindUser": "reader@lab.test",
                "bindPassword": PASSWORD,
                "domain": "LAB",
                "dnsDomains": ["lab.test"],
            }
            yield DirectoryServer(process, folder, address, 389, 636, item, keytab, folder / "krb5.conf")
        finally:
            if process.stdin is not None:
                process.stdin.close()  # it ends with its standard input
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            process.wait(20)


def set_in_samba(server: DirectoryServer, statement: str) -> None:
    """Run a statement on the domain controller's database; `sam` is its SamDB."""
    conf = server.folder / "dc" / "etc" / "smb.conf"
    script = _SAMBA_OPEN + statement
    subprocess.run([_SAMBA_PYTHON, "-c", script, str(conf)], check=True, stdout=subprocess.DEVNULL)


def _sbin() -> str:
    return "/usr/sbin:/usr/bin:/sbin:/bin"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_open(process: "subprocess.Popen[bytes]", at: tuple[str, int], log: Path) -> None:
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(at, 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"the directory did not start: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _own_address() -> Iterator[str]:
    """A loopback address that nobody else uses: the domain controller wants it on an interface."""
    for last in range(20, 250):
        address = f"127.0.0.{last}"
        if (
            subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], stderr=subprocess.DEVNULL).returncode
            == 0
        ):
            break
    else:
        raise AssertionError("no address of its own for the domain controller")
    try:
        yield address
    finally:
        subprocess.run(["ip", "addr", "del", f"{address}/32", "dev", "lo"], check=True)


def _provision(folder: Path, address: str, environment: dict[str, str]) -> Path:
    command = [
        "samba-tool", "domain", "provision", "--realm=LAB.TEST", "--domain=LAB", "--server-role=dc",
        "--dns-backend=SAMBA_INTERNAL", f"--adminpass={_ADMIN}", "--host-name=dc1", f"--host-ip={address}",
        f"--targetdir={folder / 'dc'}", f"--option=interfaces={address}", "--option=bind interfaces only=yes",
        "--option=vfs objects=",
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    conf = folder / "dc" / "etc" / "smb.conf"
    conf.write_text(_SMB_CONF.format(address=address, folder=folder))
    for name in ("run", "log"):
        (folder / name).mkdir()
    return conf


def _slapd_data() -> str:
    base = "dc=lab,dc=test"
    rows = [
        f"dn: {base}\nobjectClass: dcObject\nobjectClass: organization\no: lab\ndc: lab\n",
        f"dn: ou=people,{base}\nobjectClass: organizationalUnit\nou: people\n",
        f"dn: ou=groups,{base}\nobjectClass: organizationalUnit\nou: groups\n",
        f"dn: cn=reader,{base}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: {PASSWORD}\n",
    ]
    for name in ("alice", "bob", "carol", "dave"):
        rows.append(
            f"dn: uid={name},ou=people,{base}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name.title()} Lab\n"
            f"sn: Lab\nuserPassword: {PASSWORD}\n"
        )
    for group, members in (
        ("managers", ("uid=alice,ou=people", "uid=dave,ou=people")),
        ("operators", ("uid=bob,ou=people", "cn=managers,ou=groups")),
    ):
        lines = "".join(f"member: {member},{base}\n" for member in members)
        rows.append(f"dn: cn={group},ou=groups,{base}\nobjectClass: groupOfNames\ncn: {group}\n{lines}")
    return "\n".join(rows)


_SLAPD_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
TLSCACertificateFile {folder}/ca.pem
security simple_bind=128
database mdb
maxsize 67108864
suffix "dc=lab,dc=test"
rootdn "cn=admin,dc=lab,dc=test"
rootpw {admin}
directory {folder}/db
access to attrs=userPassword by self write by anonymous auth by * none
access to * by users read by * none
"""

_SMB_CONF = """
[global]
  netbios name = DC1
  workgroup = LAB
  realm = LAB.TEST
  server role = active directory domain controller
  server services = rpc, ldap, cldap, kdc
  interfaces = {address}
  bind interfaces only = yes
  disable netbios = yes
  private dir = {folder}/dc/private
  state directory = {folder}/dc/state
  cache directory = {folder}/dc/cache
  lock directory = {folder}/dc
  binddns dir = {folder}/dc/bind-dns
  pid directory = {folder}/run
  ncalrpc dir = {folder}/run/ncalrpc
  winbindd socket directory = {folder}/run/winbindd
  ntp signd socket directory = {folder}/run/ntp
  log file = {folder}/log/%m.log
"""

_KRB5_CONF = """
[libdefaults]
  default_realm = LAB.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  rdns = false
  dns_canonicalize_hostname = false
[realms]
  LAB.TEST = {{
    kdc = {address}
  }}
[domain_realm]
  .lab.test = LAB.TEST
  lab.test = LAB.TEST
"""

_SAMBA_OPEN = """
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
lp = LoadParm(); lp.load(sys.argv[1])
sam = SamDB(session_info=system_session(), lp=lp, url=lp.private_path("sam.ldb"))
"""

_SAMBA_USERS = (
    _SAMBA_OPEN
    + """
password = sys.argv[2]
for name in ("alice", "bob", "carol", "dave", "eve", "frank", "gina", "reader", "svc-vms"):
    sam.newuser(name, password, force_password_change_at_next_login_req=name == "gina")
sam.disable_account("(sAMAccountName=eve)")
sam.setexpiry("(sAMAccountName=frank)", -86400)
for group, members in (("managers", ["alice", "dave"]), ("operators", ["bob", "managers"])):
    sam.newgroup(group)
    sam.add_remove_group_members(group, members)
rows = ("dn: CN=svc-vms,CN=Users,DC=lab,DC=test", "changetype: modify", "add: servicePrincipalName",
    "servicePrincipalName: HTTP/vms.lab.test")
sam.modify_ldif(chr(10).join(rows))
"""
)
