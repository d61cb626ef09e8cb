"""Whose request it is when nobody says: the address that it comes from, as far as that can be believed."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

MAX_HOPS: Final = 32
_HOST_PREFIX: Final = 64
"""An IPv6 customer gets a /64 at least: within one, anybody has 2^64 addresses."""


def client_address(scope: Any, trusted: Sequence[Network]) -> str:
    """
    The address that a request is counted by: an IPv4 one, the /64 of an IPv6 one, or "unknown".

    X-Forwarded-For is read from its end, and only as far as each hop before was a trusted proxy, for anybody can write
    its beginning. No other header is looked at.
    """
    client = scope.get("client")
    address = _address(client[0]) if client else None
    if address is not None and trusted and _is_in(address, trusted):
        address = _forwarded(scope["headers"], address, trusted)
    if address is None:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(ip_network((address.packed[: _HOST_PREFIX // 8] + bytes(8), _HOST_PREFIX)))
    return str(address)


def _forwarded(headers: Iterable[tuple[bytes, bytes]], nearest: Address, trusted: Sequence[Network]) -> Address:
    said = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    for hop in reversed(said.split(",")[-MAX_HOPS:]):
        address = _address(hop)
        if address is None:
            break
        nearest = address
        if not _is_in(address, trusted):
            break
    return nearest


def _address(text: str) -> Address | None:
    """An address, with or without a port, or None."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
