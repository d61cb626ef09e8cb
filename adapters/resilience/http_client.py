"""HTTP clients for services outside: httpx's interface over aiohttp's connections, and its errors as the port's."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.request import getproxies

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from adapters.resilience.rests import Rests
from domain.errors import PortUnavailable

CONNECT_TIMEOUT_S: Final = 5.0
MANY_STREAMS: Final = 8
"""So many and more open at once share the cost of being read; fewer cost little, and each word goes on as it comes."""

_KEEP_ALIVE_S: Final = 30.0
_CONNECT_IN_TIME: Final = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Reply:
    """``headers`` ignore case."""

    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class JsonPosts:
    """
    POSTs of JSON to one service; close it by ``aclose``.

    By aiohttp itself: httpx's requests and replies over the same connections cost as much again as the sending, and
    its client, which merges addresses, headers, cookies, redirects and authentication, that much once more
    (docs/adr/0009).
    """

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        plain = {"accept": "application/json", "content-type": "application/json", "user-agent": "ibid"}
        self._headers = plain | {name.lower(): value for name, value in (headers or {}).items()}
        self._make = _sessions(base_url, self._headers)
        self._made: aiohttp.ClientSession | None = None
        self._streams = 0
        self._rests: Rests | None = None

    async def post(self, path: str, body: bytes) -> Reply:
        """A reply read whole. Raises what aiohttp does, and OSError."""
        async with self._sent(path, body) as response:
            content = await response.read()
            return Reply(response.status, response.reason or "", response.headers, content)

    @asynccontextmanager
    async def stream(self, path: str, body: bytes) -> AsyncIterator["StreamedReply"]:
        """A reply that is read as it comes. Raises what aiohttp does, and OSError."""
        self._streams += 1
        try:
            async with self._sent(path, body) as response:
                yield StreamedReply(response, self._rest)
        finally:
            self._streams -= 1

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.close()

    def _sent(self, path: str, body: bytes) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._made is None:
            self._made = self._make()
        return self._made.post(self._base_url + path, data=body, allow_redirects=False, timeout=_CONNECT_IN_TIME)

    def _rest(self, response: aiohttp.ClientResponse) -> None:
        if self._streams < MANY_STREAMS or response.connection is None or response.connection.transport is None:
            return  # or everything has come already
        if self._rests is None:
            self._rests = Rests()
        self._rests.rest(response.connection.transport, among=self._streams)


class StreamedReply:
    def __init__(self, response: aiohttp.ClientResponse, rest: Callable[[aiohttp.ClientResponse], None]) -> None:
        self._response = response
        self._rest = rest
        self.status_code = response.status
        self.headers: Mapping[str, str] = response.headers

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """What each read of the connection brings."""
        content = self._response.content
        while part := await content.readany():
            yield part

    def rest(self) -> None:
        """Where many streams are open, let what comes next gather for a moment, to be read at once."""
        self._rest(self._response)


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
    tls = httpx.create_ssl_context() if base_url.startswith("https:") else None
    # aiohttp looks for a proxy in the environment in a thread, at every request.
    proxies = bool(getproxies())

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ssl=tls or True)
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=proxies, headers=headers)

    return session


@contextmanager
def translated(port: str) -> Iterator[None]:
    """Raise PortUnavailable in place of the client's errors; its message says what happened and quotes nothing."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
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
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise PortUnavailable(port, "closed the connection") from error
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        # Some of aiohttp's own errors pass through httpx-aiohttp as they are.
        raise PortUnavailable(port, "broke off its answer") from error
