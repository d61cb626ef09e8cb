"""HTTP clients for services outside: httpx's interface over aiohttp's connections, and its errors as the port's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.request import getproxies

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from domain.errors import PortUnavailable

CONNECT_TIMEOUT_S: Final = 5.0
_KEEP_ALIVE_S: Final = 30.0


class JsonPosts:
    """
    POSTs of JSON to one service, each reply read whole; close it by ``aclose``.

    httpx's requests and replies over the same connections, without its client, whose merging of addresses, headers,
    cookies, redirects and authentication costs as much as the sending itself (docs/adr/0009).
    """

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._urls: dict[str, httpx.URL] = {}
        self._transport = http_transport(base_url)
        plain = {"accept": "application/json", "content-type": "application/json", "user-agent": "ibid"}
        self._headers = httpx.Headers(plain | dict(headers or {}))
        self._extensions = {"timeout": httpx.Timeout(None, connect=CONNECT_TIMEOUT_S).as_dict()}

    async def post(self, path: str, body: bytes) -> httpx.Response:
        """``path`` is one of few, and kept. Raises what httpx does."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx.URL(self._base_url + path)
        request = httpx.Request("POST", url, headers=self._headers, content=body, extensions=self._extensions)
        response = await self._transport.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class HttpClients:
    """Clients of one process, closed together."""

    def __init__(self) -> None:
        self._made: list[JsonPosts] = []

    def posts(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> JsonPosts:
        made = JsonPosts(base_url, headers=headers)
        self._made.append(made)
        return made

    async def aclose(self) -> None:
        while self._made:
            await self._made.pop().aclose()


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
    tls = httpx.create_ssl_context() if base_url.startswith("https:") else None
    # aiohttp looks for a proxy in the environment in a thread, at every request.
    proxies = bool(getproxies())

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ssl=tls or True)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=proxies)

    # ``verify`` only spares the transport a context that it would build and not use: the session has its own.
    return AiohttpTransport(verify=tls or False, client=session)


@contextmanager
def translated(port: str) -> Iterator[None]:
    """Raise PortUnavailable in place of the client's errors; its message says what happened and quotes nothing."""
    try:
        yield
    except (httpx.TimeoutException, TimeoutError) as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            raise PortUnavailable(port, "cannot be reached") from error
        if isinstance(error.__cause__, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
            # httpx-aiohttp 0.2 calls any lost connection a connect timeout.
            raise PortUnavailable(port, "closed the connection") from error
        raise PortUnavailable(port, "did not answer in time") from error
    except httpx.ConnectError as error:
        raise PortUnavailable(port, "cannot be reached") from error
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        # Some of aiohttp's own errors pass through httpx-aiohttp as they are.
        raise PortUnavailable(port, "broke off its answer") from error
