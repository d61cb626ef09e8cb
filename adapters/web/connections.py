"""Connections to checked addresses alone: what is looked up is checked, and what is checked is connected to."""

import socket
import ssl
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from domain.library.web_addresses import AddressPolicy

CONNECT_TIMEOUT_S: Final = 5.0
_KEEP_ALIVE_S: Final = 15.0


class GuardedResolver(AbstractResolver):
    """Looks a name up once for each connection; of what it stands for, every address must be allowed."""

    def __init__(self, names: AbstractResolver, policy: AddressPolicy) -> None:
        self._names = names
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        self._policy.check_connection([one["host"] for one in found], port)
        return found

    async def close(self) -> None:
        await self._names.close()


def guarded_session(
    policy: AddressPolicy, *, agent: str, names: AbstractResolver | None, tls: ssl.SSLContext | None
) -> aiohttp.ClientSession:
    """
    A session that reaches what the policy allows, and carries nothing of anybody's: no cookies, no credentials from
    ``.netrc``, no proxy from the environment. TLS is verified for the name, whatever address it is made to.

    ``names`` looks host names up, ``tls`` holds the authorities that are believed; by themselves the system's.
    """

    def checked_socket(info: Any) -> socket.socket:
        # Literal addresses come by no resolver; and this is the last place before the connection.
        family, kind, protocol, _, address = info
        policy.check_connection([address[0]], address[1])
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(names or aiohttp.ThreadedResolver(), policy),
        use_dns_cache=False,
        socket_factory=checked_socket,
        keepalive_timeout=_KEEP_ALIVE_S,
        limit=0,
        ssl=tls or True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        headers={"User-Agent": agent},
    )
