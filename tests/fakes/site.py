"""A web site on loopback that answers as it is told, and remembers what it was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": HTML})


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    at: float


Answer: TypeAlias = "Page | Callable[[web.Request], Awaitable[web.StreamResponse]]"


@dataclass(slots=True)
class Site:
    """``pages`` by path with query; what is not there is a 404. A page with an ETag is answered with 304 to it."""

    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """What was asked for, robots.txt apart."""
        return [one.path for one in self.asked if one.path != "/robots.txt"]

    def html(self, path: str, body: str, *, head: str = "", **headers: str) -> None:
        document = (
            f"<!doctype html><html><head><title>{path}</title>{head}</head><body><main>{body}</main></body></html>"
        )
        self.pages[path] = Page(document, headers={"Content-Type": HTML, **headers})

    def redirect(self, path: str, to: str, *, status: int = 302) -> None:
        self.pages[path] = Page(status=status, headers={"Location": to})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.raw_path, dict(request.headers), asyncio.get_running_loop().time()))
        page = self.pages.get(request.raw_path, Page("no such page", 404))
        if callable(page):
            return await page(request)
        etag = page.headers.get("ETag")
        if etag is not None and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        body = page.body.encode() if isinstance(page.body, str) else page.body
        return web.Response(body=body, status=page.status, headers=page.headers)


@asynccontextmanager
async def served(
    site: Site, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    application = web.Application(client_max_size=2**20)
    application.router.add_route("*", "/{anything:.*}", site.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, host, port, ssl_context=tls)
        await listener.start()
        site.port, site.scheme = runner.addresses[0][1], "http" if tls is None else "https"
        yield site
    finally:
        await runner.cleanup()


class ScriptedNames(AbstractResolver):
    """Looks names up in a table; a list of lists is gone through, look-up by look-up, and its last one stays."""

    def __init__(self, names: Mapping[str, list[list[str]]]) -> None:
        self._names = {name: list(answers) for name, answers in names.items()}
        self.looked_up: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.looked_up.append(host)
        answers = self._names.get(host)
        if not answers:
            raise OSError(f"no such name: {host}")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=10 if ":" in one else 2, proto=6, flags=4)
            for one in addresses
        ]

    async def close(self) -> None:
        return None
