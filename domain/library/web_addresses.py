"""
Which web addresses may be fetched on somebody else's word, and what they are read as.

An address is taken apart here and nowhere else, by a rule stricter than any browser's, so that no two readers of it can
disagree about its host. What is refused by its form is refused when it is asked for; the addresses that a name stands
for are looked at when it is connected to (``AddressPolicy.allows``), since they may change in between.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from posixpath import normpath
from typing import Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

Network: TypeAlias = IPv4Network | IPv6Network

MAX_ADDRESS_CHARS: Final = 1_000
WEB_PORTS: Final = frozenset({80, 443})
_DEFAULT_PORT: Final = {"http": 80, "https": 443}

_FORM: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BAD_CHARACTER: Final = re.compile(r"[\x00-\x20\x7f\\]")
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PATH_SAFE: Final = "/!$&'()*+,;=:@~-._%"
_QUERY_SAFE: Final = _PATH_SAFE + "?[]|"
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

_PRIVATE_NAMES: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa")
"""Last labels of names that mean nothing, or something else, outside of one network (RFC 6761, 6762, 8375)."""

_SPECIAL_V4: Final = tuple(
    IPv4Network(one)
    for one in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
"""IANA's special-purpose registry for IPv4 (RFC 6890 and its updates), and multicast."""
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(
    IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)
"""Within the one block of global unicast: protocol assignments and Teredo, documentation, 6to4, AS112."""
_CARRIES_V4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv4-mapped, and the well-known prefix of NAT64: the last 32 bits are the address that is meant."""


class AddressRefused(Exception):
    """Why an address is not fetched, in words for its owner; it never leaves the fetching of pages."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """
    An address taken apart. ``host`` in lower case and without a final dot; an IPv6 literal without its brackets.

    ``path`` begins with ``/``, its dots resolved and its escapes normalised; a fragment is gone.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str | None

    @property
    def origin(self) -> str:
        """Scheme, host and port: what is one site."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}")

    @property
    def literal(self) -> IPv4Address | IPv6Address | None:
        """The host where it is an IP address by itself."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    def __str__(self) -> str:
        return self.origin + self.path + ("" if self.query is None else f"?{self.query}")


class AddressPolicy:
    """
    Who may be connected to: the public internet at ports 80 and 443, and ``networks`` that the operator named.

    ``ports`` are taken beside 80 and 443, within ``networks`` alone.
    """

    def __init__(self, networks: Sequence[Network] = (), ports: Iterable[int] = ()) -> None:
        self.networks = tuple(networks)
        self.ports = frozenset(ports)

    def checked(self, text: str) -> WebAddress:
        """An address whose form may be fetched. Raises AddressRefused."""
        address = web_address_of(text)
        literal = address.literal
        if literal is not None:
            self.check_connection([str(literal)], address.port)
        elif self._is_private_name(address.host) and not self.networks:
            raise AddressRefused(
                f"{address.host} is a name inside of a private network, and IBID_FETCH_NETWORKS is empty"
            )
        if address.port not in WEB_PORTS and not (self.networks and address.port in self.ports):
            raise AddressRefused(_of_port(address.port))
        return address

    def check_connection(self, addresses: Iterable[str], port: int) -> None:
        """
        Of what a name resolved to: every address must be allowed, not one of them. Raises AddressRefused.

        The message names no address that was found: who asks is not to learn what a private name stands for.
        """
        found = [ip_address(one.partition("%")[0]) for one in addresses]
        if not found:
            raise AddressRefused("the host has no address")
        for one in found:
            within = any(_in(one, network) for network in self.networks)
            if not within and not is_public(one):
                raise AddressRefused("the host is not on the public internet, nor in IBID_FETCH_NETWORKS")
            if port not in WEB_PORTS and not (within and port in self.ports):
                raise AddressRefused(_of_port(port))

    @staticmethod
    def _is_private_name(host: str) -> bool:
        return "." not in host or any(host == name or host.endswith(f".{name}") for name in _PRIVATE_NAMES)

    def checked_redirect(self, before: WebAddress, location: str) -> WebAddress:
        """Where a redirect may lead: never to less security, never to another port. Raises AddressRefused."""
        after = self.checked(resolved(before, location))
        if before.scheme == "https" and after.scheme == "http":
            raise AddressRefused("it redirects from https to http")
        upgraded = (before.scheme, before.port) == ("http", 80) and (after.scheme, after.port) == ("https", 443)
        if after.port != before.port and not upgraded:
            raise AddressRefused("it redirects to another port")
        return after


def _of_port(port: int) -> str:
    return f"port {port} is not fetched from; 80 and 443 are, and within IBID_FETCH_NETWORKS those of IBID_FETCH_PORTS"


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an IP address is one of the public internet, whatever form it comes in."""
    if isinstance(address, IPv6Address):
        for network in _CARRIES_V4:
            if address in network:
                return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return (
            address in _GLOBAL_V6
            and address.scope_id is None
            and not any(address in network for network in _SPECIAL_V6)
        )
    return address.is_global and not any(address in network for network in _SPECIAL_V4)


def web_address_of(text: str) -> WebAddress:
    """
    Take an address apart. Raises AddressRefused for every form that two readers could take differently.

    Refused are user and password, backslashes, spaces and control characters, host names in other alphabets (DNS
    writes them as ``xn--``), and IP addresses in any spelling but four decimal numbers or an IPv6 address in brackets.
    """
    if len(text) > MAX_ADDRESS_CHARS:
        raise AddressRefused(f"it has more than {MAX_ADDRESS_CHARS:,} characters")
    if _BAD_CHARACTER.search(text):
        raise AddressRefused("it holds a space, a backslash or a control character")
    found = _FORM.fullmatch(text)
    if found is None:
        raise AddressRefused(_what_is_wrong(text))
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"]) if found["port"] else _DEFAULT_PORT[scheme]
    if not 0 < port < 65_536:
        raise AddressRefused("its port is none")
    query = None if found["query"] is None else _escaped(found["query"], _QUERY_SAFE)
    return WebAddress(scheme, _host(host), port, _path(found["path"] or "/"), query)


def resolved(base: WebAddress, reference: str) -> str:
    """What a link on the page ``base`` leads to (RFC 3986, section 5.2), not yet checked."""
    reference = reference.strip("\t\n\r\f ")
    if _SCHEME.match(reference):
        return reference
    if reference.startswith("//"):
        return f"{base.scheme}:{reference}"
    if reference.startswith("/"):
        return base.origin + reference
    if not reference or reference.startswith("#"):
        return str(base) + reference
    if reference.startswith("?"):
        return base.origin + base.path + reference
    return base.origin + base.path.rpartition("/")[0] + "/" + reference


def _what_is_wrong(text: str) -> str:
    scheme = _SCHEME.match(text)
    if scheme is None or scheme[0].lower() not in ("http:", "https:"):
        return "it must begin with https:// or http://"
    authority = re.split(r"[/?#]", text.partition("//")[2], maxsplit=1)[0]
    if "@" in authority:
        return "it holds a user or a password"
    if not authority.isascii():
        return "its host name must be written as DNS has it (xn--...)"
    return "its host or its port is none"


def _host(host: str) -> str:
    """Raises AddressRefused for what is neither a DNS name nor an IP address in its one usual spelling."""
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError as error:
            raise AddressRefused("its host is no IPv6 address") from error
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            literal = IPv4Address(name)
        except ValueError as error:
            raise AddressRefused("its host is an IP address in an unusual spelling") from error
        return str(literal)
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("its host is no name that DNS has")
    return name


def _path(path: str) -> str:
    resolved_path = normpath(_escaped(path, _PATH_SAFE))
    # normpath keeps two leading slashes and drops a last one, which is a page of its own to most sites.
    folder = path.endswith(("/", "/.", "/.."))
    resolved_path = "/" + resolved_path.lstrip("/")
    return resolved_path + "/" if folder and resolved_path != "/" else resolved_path


def _escaped(text: str, safe: str) -> str:
    """One spelling for each address: what needs no escape has none, escapes are in upper case."""
    unescaped = _ESCAPE.sub("%25", text)
    pieces = re.split(r"(%[0-9A-Fa-f]{2})", unescaped)
    return "".join(_escape(piece) if at % 2 else quote(piece, safe=safe) for at, piece in enumerate(pieces))


def _escape(escape: str) -> str:
    one = unquote_to_bytes(escape)
    plain = one.isalnum() or one in (b"-", b".", b"_", b"~")
    return one.decode() if plain else escape.upper()


def _in(address: IPv4Address | IPv6Address, network: Network) -> bool:
    return address.version == network.version and address in network
