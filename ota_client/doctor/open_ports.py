"""Ports that are open to the network: an update client needs none."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup

_LISTENS: Final = "0A"  # TCP_LISTEN; an unconnected UDP socket is in state 07
_UNCONNECTED: Final = "07"
_INSECURE: Final = {
    ("tcp", 21): "FTP",
    ("tcp", 23): "Telnet",
    ("tcp", 512): "rexec",
    ("tcp", 513): "rlogin",
    ("tcp", 514): "rsh",
    ("tcp", 2323): "Telnet",
    ("udp", 69): "TFTP",
    ("udp", 161): "SNMP",
    ("udp", 1900): "UPnP",
}


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """One socket that takes what anybody sends."""

    protocol: str
    number: int
    address: str
    inode: str


def examine_open_ports(setup: Setup) -> Iterator[Finding]:
    """Find open ports, and who opened them."""
    proc = setup.system.proc
    ports = sorted(set(_ports(proc)))
    owners = _owners(proc, {port.inode for port in ports}) if ports else {}
    for port in ports:
        owner = owners.get(port.inode, "a process that is not seen")
        what = f"{port.protocol} port {port.number} is open on {port.address}: {owner}"
        if (port.protocol, port.number) in _INSECURE:
            service = _INSECURE[port.protocol, port.number]
            yield error(Code.INSECURE_SERVICE, f"{what} ({service})", "switch the service off")
        elif port.protocol == "tcp":
            yield warning(
                Code.OPEN_PORT, what, "the client needs none: switch it off, or bind it to 127.0.0.1"
            )
        else:
            yield note(Code.OPEN_PORT, what, "switch it off if nobody needs it")


def _ports(proc: Path) -> Iterator[Port]:
    for protocol, state in (("tcp", _LISTENS), ("udp", _UNCONNECTED)):
        for name in (protocol, f"{protocol}6"):
            table = proc / "net" / name
            if not table.exists():
                continue  # a kernel without IPv6
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                port = _port(protocol, line.split(), state)
                if port is not None:
                    yield port


def _port(protocol: str, row: list[str], state: str) -> Port | None:
    local, _, number = row[1].partition(":")
    # the address stands in words of the processor's byte order
    words = [int(local[n : n + 8], 16).to_bytes(4, "little") for n in range(0, len(local), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None) or address
    if row[3] != state or mapped.is_loopback:
        return None
    return Port(protocol, int(number, 16), str(address), row[9])


def _owners(proc: Path, inodes: set[str]) -> dict[str, str]:
    owners = {}
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for process in proc.glob("[0-9]*"):
        try:
            name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
            links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # it ended, or is another user's
        for inode in (wanted[link] for link in links if link in wanted):
            owners[inode] = f"{name} (process {process.name})"
    return owners
