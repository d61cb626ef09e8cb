"""Pages and sitemaps from the web: guarded, polite, within limits."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from adapters.web.bodies import GZIP, BodyTooLarge, BodyUnreadable, inflated, read_body
from adapters.web.connections import CONNECT_TIMEOUT_S, guarded_session
from adapters.web.links import read_links
from adapters.web.robots import MAX_BYTES as MAX_ROBOTS_BYTES
from adapters.web.robots import KeptRules, Rules, read_rules
from adapters.web.sitemaps import MAX_INFLATED_BYTES, SitemapUnreadable, read_sitemap
from adapters.web.turns import PATIENCE_S, HostTurns, NotItsTurn
from domain.errors import PortUnavailable
from domain.library.files import WEB_TYPES
from domain.library.ports import (
    FetchedPage,
    FetchedSitemap,
    NotFetched,
    NotYet,
    SourceFetcher,
    UnchangedPage,
    Validators,
)
from domain.library.web_addresses import AddressPolicy, AddressRefused, WebAddress

PORT: Final = "web"
TOTAL_S: Final = 15.0
"""For one page, redirects included, waiting for a turn not."""
MAX_REDIRECTS: Final = 10
MAX_ROBOTS_REDIRECTS: Final = 5
TRIES_AGAIN_AFTER_S: Final = (1.0, 3.0)
MAX_RETRY_AFTER_S: Final = 300.0

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ACCEPT: Final = "text/html,application/xhtml+xml,text/markdown,text/plain,application/pdf;q=0.9,*/*;q=0.1"
_SITEMAP_TYPES: Final = frozenset(
    {"application/xml", "text/xml", "text/plain", "application/gzip", "application/x-gzip", "application/octet-stream"}
)
_MAX_VALIDATOR_CHARS: Final = 500


class _Refused(Exception):
    """A page that is not to be had, and will not be at another try."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.refusal = NotFetched(reason, gone)


@dataclass(frozen=True, slots=True)
class _Answer:
    address: WebAddress
    status: int
    content_type: str
    charset: str | None
    validators: Validators
    body: bytes


_Outcome: TypeAlias = "_Answer | NotFetched | NotYet"


class WebFetcher(SourceFetcher):
    """
    ``per_second``: requests to one host. ``names`` and ``tls`` as of ``guarded_session``.

    Nothing connects before the first call; close it by ``aclose``.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        agent: str = "Ibid",
        per_second: float = 4.0,
        total_s: float = TOTAL_S,
        again_after_s: Sequence[float] = TRIES_AGAIN_AFTER_S,
        names: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._agent = agent
        self._total_s = total_s
        self._again_after_s = again_after_s
        self._names, self._tls = names, tls
        self._turns = HostTurns(1 / per_second)
        self._robots = KeptRules()
        self._reading_robots: dict[str, asyncio.Lock] = {}
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def page(self, address: str, *, known: Validators) -> FetchedPage | UnchangedPage | NotFetched | NotYet:
        found = await self._fetched(address, _conditions(known), taken=WEB_TYPES.keys())
        if not isinstance(found, _Answer):
            return found
        if found.status == 304:
            return UnchangedPage()
        links: Sequence[str] = ()
        canonical: str | None = None
        if found.content_type in ("text/html", "application/xhtml+xml"):
            links, canonical = await asyncio.to_thread(read_links, found.body, found.address)
        return FetchedPage(
            str(found.address), found.body, found.content_type, found.charset, found.validators, links, canonical
        )

    async def sitemap(self, address: str) -> FetchedSitemap | NotFetched | NotYet:
        found = await self._fetched(address, {}, taken=_SITEMAP_TYPES)
        if not isinstance(found, _Answer):
            return found
        try:
            body = found.body
            if body.startswith(GZIP):
                body = await asyncio.to_thread(inflated, body, most=MAX_INFLATED_BYTES)
            named = await asyncio.to_thread(read_sitemap, body)
        except (SitemapUnreadable, BodyTooLarge, BodyUnreadable) as error:
            return NotFetched(f"the sitemap cannot be read: {error}")
        return FetchedSitemap(str(found.address), named.pages, named.sitemaps)

    def interval_s(self, address: str) -> float:
        rules = self._robots.of(self._policy.checked(address).origin, now=time.monotonic())
        return max(self._turns.interval_s, rules.delay_s if rules is not None else 0.0)

    async def _fetched(self, text: str, conditions: Mapping[str, str], *, taken: Container[str]) -> _Outcome:
        for wait_s in (*self._again_after_s, None):
            try:
                return await self._followed(self._policy.checked(text), conditions, taken)
            except _Refused as refused:
                return refused.refusal
            except AddressRefused as refused:
                return NotFetched(f"it is not fetched: {refused}")
            except NotItsTurn as later:
                return NotYet(later.after_s)
            except PortUnavailable as error:
                asked_s = error.retry_after_s or 0.0
                if wait_s is None or asked_s > PATIENCE_S:
                    raise
                await asyncio.sleep(max(wait_s, asked_s))
        raise AssertionError  # the last try has returned or raised

    async def _followed(self, address: WebAddress, conditions: Mapping[str, str], taken: Container[str]) -> _Answer:
        """Raises _Refused, AddressRefused, NotItsTurn or PortUnavailable."""
        left_s = self._total_s
        for _ in range(MAX_REDIRECTS + 1):
            rules = await self._rules(address)
            if not rules.allow(str(address)):
                raise _Refused("the site's robots.txt does not let it be fetched")
            async with self._turns.turn(address.host, interval_s=rules.delay_s):
                began_s = time.monotonic()
                async with self._answered(address, {"Accept": _ACCEPT, **conditions}, left_s) as response:
                    location = response.headers.get("Location") if response.status in _REDIRECTS else None
                    if location is None:
                        return await self._read(address, response, taken)
                left_s -= time.monotonic() - began_s
            address = self._policy.checked_redirect(address, location)
        raise _Refused(f"it redirects more than {MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _answered(
        self, address: WebAddress, headers: Mapping[str, str], within_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request and its answer, to be read within the block. Raises _Refused or PortUnavailable."""
        if self._session is None:
            self._session = guarded_session(self._policy, agent=self._agent, names=self._names, tls=self._tls)
        try:
            async with (
                asyncio.timeout(max(within_s, 0.0)),
                self._session.get(
                    URL(str(address), encoded=True),
                    headers={**headers, "Accept-Encoding": "gzip"},
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
                ) as response,
            ):
                yield response
        except aiohttp.ClientConnectorCertificateError as error:
            raise _Refused("its certificate is not one for this host, or nobody known vouches for it") from error
        except aiohttp.ClientSSLError as error:
            raise _Refused("no secure connection can be made to it") from error
        except TimeoutError as error:
            raise PortUnavailable(PORT, f"the page did not come within {self._total_s:.0f} s") from error
        except aiohttp.ClientConnectorError as error:
            raise PortUnavailable(PORT, "the host cannot be reached") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PortUnavailable(PORT, "the host broke off its answer") from error

    async def _read(self, address: WebAddress, response: aiohttp.ClientResponse, taken: Container[str]) -> _Answer:
        self._check_status(address, response)
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response.status == 304:
            return _Answer(address, 304, content_type, None, Validators(), b"")
        if content_type not in taken:
            raise _Refused(f"its type is {content_type[:80] or 'not said'}, which is not read")
        try:
            body = await read_body(response)
        except (BodyTooLarge, BodyUnreadable) as error:
            response.close()
            raise _Refused(str(error)) from error
        return _Answer(address, response.status, content_type, response.charset, _validators(response), body)

    def _check_status(self, address: WebAddress, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in _AGAIN:
            after_s = _retry_after_s(response.headers.get("Retry-After"))
            if after_s is not None:
                self._turns.put_off(address.host, after_s)
            raise PortUnavailable(PORT, f"the host answered {status}", retry_after_s=after_s)
        if status in (404, 410):
            raise _Refused(f"there is no such page ({status})", gone=True)
        if status in (401, 403, 407):
            raise _Refused(f"it is not open to everybody ({status})")
        if status not in (200, 203, 304):
            raise _Refused(f"the host answered {status}")

    async def _rules(self, address: WebAddress) -> Rules:
        """The site's robots.txt, read once an hour. Raises PortUnavailable: a site that cannot say is left alone."""
        origin = address.origin
        async with self._reading_robots.setdefault(origin, asyncio.Lock()):
            rules = self._robots.of(origin, now=time.monotonic())
            if rules is None:
                rules = await self._read_rules(address)
                self._robots.keep(origin, rules, now=time.monotonic())
            self._reading_robots.pop(origin, None)
        return rules

    async def _read_rules(self, site: WebAddress) -> Rules:
        open_to_all = Rules(None, self._agent)
        address = self._policy.checked(f"{site.origin}/robots.txt")
        for _ in range(MAX_ROBOTS_REDIRECTS + 1):
            async with (
                self._turns.turn(address.host),
                self._answered(address, {"Accept": "text/plain,*/*;q=0.1"}, self._total_s) as response,
            ):
                location = response.headers.get("Location") if response.status in _REDIRECTS else None
                if location is None:
                    if response.status in _AGAIN or response.status >= 500:
                        raise PortUnavailable(PORT, f"the host answered {response.status} for its robots.txt")
                    if response.status != 200:
                        return open_to_all
                    return read_rules(await response.content.read(MAX_ROBOTS_BYTES), self._agent)
            try:
                address = self._policy.checked_redirect(address, location)
            except AddressRefused:
                return open_to_all
        return open_to_all


def _conditions(known: Validators) -> dict[str, str]:
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in conditions.items() if value is not None}


def _validators(response: aiohttp.ClientResponse) -> Validators:
    """Sent back as they came; one that is no validator is none."""
    said = (response.headers.get("ETag"), response.headers.get("Last-Modified"))
    etag, modified = (one if one and len(one) <= _MAX_VALIDATOR_CHARS and one.isprintable() else None for one in said)
    return Validators(etag, modified)


def _retry_after_s(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else _seconds_until(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _seconds_until(date: str) -> float:
    at = parsedate_to_datetime(date)
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
