"""Whose program is at the other end of a connection on this machine, where the system tells (Linux: proc(5), net/tcp)."""

import ipaddress
import os
import socket
from typing import Final

_TABLES: Final = {4: "/proc/self/net/tcp", 6: "/proc/self/net/tcp6"}
_LISTENS: Final = "0A"
ROOT: Final = 0


def owner_of(address: str, port: int) -> int | None:
    """The user id that a local client's socket belongs to; None where the system does not tell."""
    for version, wanted in _ends(address, port):
        try:
            with open(_TABLES[version]) as table:
                owner = owner_in(table.read(), wanted)
        except OSError:
            continue
        if owner is not None:
            return owner
    return None


def owner_in(table: str, wanted: str) -> int | None:
    """The user id in the row of a table whose own end is ``wanted``, in the table's writing."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == wanted and fields[3] != _LISTENS:
            return int(fields[7])
    return None


def is_ours(address: str, port: int) -> bool:
    """Whether a local client belongs to the user of this process or to the administrator; True where nobody can tell."""
    owner = owner_of(address, port)
    return owner is None or owner in (ROOT, os.getuid())


def _ends(address: str, port: int) -> list[tuple[int, str]]:
    """A socket's own end as the tables write it: words of four bytes in the machine's order, in hexadecimal."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    both = [parsed] if mapped is None else [parsed, mapped]
    return [(one.version, f"{_words(one.packed)}:{port:04X}") for one in both]


def _words(packed: bytes) -> str:
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{socket.htonl(int.from_bytes(word, 'big')):08X}" for word in words)
