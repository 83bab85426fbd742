"""Host names and addresses: which of them mean this very machine."""

import ipaddress


def host_name(authority: str) -> str:
    """The name or address of ``name:port`` or ``[address]:port``, in lower case, without brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def bare(host: str) -> str:
    """A configured host, in lower case, without the brackets some people write around an IPv6 address."""
    return host.strip("[]").lower()


def is_loopback(name: str) -> bool:
    """Whether a name or address can only mean this machine. No name is ever looked up."""
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
