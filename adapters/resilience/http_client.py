"""HTTP clients for services outside: httpx's interface over aiohttp's connections, and its errors as the port's."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from adapters.resilience.connections import (
    CONNECT_TIMEOUT_S,
    KEEP_ALIVE_S,
    BrokenOff,
    Connection,
    Connections,
    Lost,
    Unreachable,
)
from adapters.resilience.rests import Rests
from domain.errors import PortUnavailable

MANY_STREAMS: Final = 8
"""So many and more open at once share the cost of being read; fewer cost little, and each word goes on as it comes."""

_CONNECT_IN_TIME: Final = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Reply:
    """The names of ``headers`` are in lower case."""

    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class JsonPosts:
    """
    POSTs of JSON to one service; close it by ``aclose``.

    By connections of our own, since clients for every purpose cost more than the sending (docs/adr/0009); by aiohttp
    where the environment names a proxy.
    """

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        plain = {"accept": "application/json", "content-type": "application/json", "user-agent": "ibid"}
        self._headers = plain | {name.lower(): value for name, value in (headers or {}).items()}
        self._by_proxy = _has_proxy(base_url)
        self._make = _sessions(base_url, self._headers)
        self._made: aiohttp.ClientSession | None = None
        self._connections: Connections | None = None
        self._streams = 0
        self._rests: Rests | None = None

    async def post(self, path: str, body: bytes) -> Reply:
        """A reply read whole. Raises what aiohttp does, and OSError."""
        if self._by_proxy:
            async with self._by_aiohttp(path, body) as response:
                return Reply(response.status, response.reason or "", _lower(response.headers), await response.read())
        connections = self._own()
        connection = await connections.post(path, body, whole=True)
        try:
            return Reply(connection.status, connection.reason, connection.headers, await connection.part())
        finally:
            connections.done(connection)

    @asynccontextmanager
    async def stream(self, path: str, body: bytes) -> AsyncIterator["StreamedReply"]:
        """A reply that is read as it comes. Raises what aiohttp does, and OSError."""
        self._streams += 1
        try:
            if self._by_proxy:
                async with self._by_aiohttp(path, body) as response:
                    yield StreamedReply(_ByAiohttp(response), self._rest)
                return
            connections = self._own()
            connection = await connections.post(path, body)
            try:
                yield StreamedReply(connection, self._rest)
            finally:
                connections.done(connection)
        finally:
            self._streams -= 1

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.close()
        if self._connections is not None:
            self._connections.close()
            await asyncio.sleep(0)  # for the loop to let go of them

    def _by_aiohttp(self, path: str, body: bytes) -> "aiohttp.client._RequestContextManager":
        if self._made is None:
            self._made = self._make()
        url = self._base_url + path
        return self._made.post(url, data=body, allow_redirects=False, timeout=_CONNECT_IN_TIME)

    def _own(self) -> Connections:
        if self._connections is None:
            self._connections = Connections(self._base_url, self._headers, _tls(self._base_url))
        return self._connections

    def _rest(self, transport: asyncio.Transport | None) -> None:
        if self._streams < MANY_STREAMS or transport is None:
            return  # or everything has come already
        if self._rests is None:
            self._rests = Rests()
        self._rests.rest(transport, among=self._streams)


class _ByAiohttp:
    """A reply of aiohttp's, read as one of our own connections is."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason or ""
        self.headers = _lower(response.headers)

    @property
    def transport(self) -> asyncio.Transport | None:
        return None if self._response.connection is None else self._response.connection.transport

    async def part(self) -> bytes:
        return await self._response.content.readany()


def _lower(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class StreamedReply:
    """The names of ``headers`` are in lower case."""

    def __init__(self, source: Connection | _ByAiohttp, rest: Callable[[asyncio.Transport | None], None]) -> None:
        self._source = source
        self._rest = rest
        self.status_code = source.status
        self.headers: Mapping[str, str] = source.headers
        self.part: Callable[[], Awaitable[bytes]] = source.part
        """What the next read of the connection brings; empty at the end."""

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """What each read of the connection brings."""
        while part := await self._source.part():
            yield part

    def rest(self) -> None:
        """Where many streams are open, let what comes next gather for a moment, to be read at once."""
        self._rest(self._source.transport)


def http_client(base_url: str, *, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """
    A client for one service; close it by ``aclose``. Nothing connects before its first use, nor is a loop needed.

    How many calls run at once is the bulkhead's business: there is no limit here. Reading takes as long as the
    caller's deadline allows. Redirects are not followed.
    """
    timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
    return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout, transport=http_transport(base_url))


def http_transport(base_url: str) -> httpx.AsyncBaseTransport:
    """
    The connections of such a client, for an SDK that builds its own.

    httpx's own transport looks at each of its connections at every request and breaks down at a thousand streams;
    aiohttp's does not (docs/adr/0009).
    """
    # ``verify`` only spares the transport a context that it would build and not use: the session has its own.
    return AiohttpTransport(verify=False, client=_sessions(base_url))


def _sessions(base_url: str, headers: Mapping[str, str] | None = None) -> Callable[[], aiohttp.ClientSession]:
    """What makes a session, which needs a running loop, to a service."""
    tls = _tls(base_url)
    # aiohttp looks for a proxy in the environment in a thread, at every request.
    proxies = bool(getproxies())

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=tls or True)
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=proxies, headers=headers)

    return session


def _tls(base_url: str) -> ssl.SSLContext | None:
    return httpx.create_ssl_context() if base_url.startswith("https:") else None


def _has_proxy(base_url: str) -> bool:
    """Whether the environment names a proxy for this service."""
    address = urlsplit(base_url)
    named = getproxies()
    return (address.scheme in named or "all" in named) and not proxy_bypass(address.netloc.rpartition("@")[2])


@contextmanager
def translated(port: str) -> Iterator[None]:
    """Raise PortUnavailable in place of the client's errors; its message says what happened and quotes nothing."""
    try:
        yield
    except (Unreachable, aiohttp.ClientConnectorError) as error:
        raise PortUnavailable(port, "cannot be reached") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            raise PortUnavailable(port, "cannot be reached") from error
        if isinstance(error.__cause__, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
            # httpx-aiohttp 0.2 calls any lost connection a connect timeout.
            raise PortUnavailable(port, "closed the connection") from error
        raise PortUnavailable(port, "did not answer in time") from error
    except httpx.ConnectError as error:
        raise PortUnavailable(port, "cannot be reached") from error
    except (Lost, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise PortUnavailable(port, "closed the connection") from error
    except (BrokenOff, httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        # Some of aiohttp's own errors pass through httpx-aiohttp as they are.
        raise PortUnavailable(port, "broke off its answer") from error
