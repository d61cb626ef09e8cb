"""Nothing is fetched but what is on the public internet: 81 forms of trying (SEC-E), and the limits of one answer."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from adapters.web.fetcher import WebFetcher
from adapters.web.fetching import FetcherAtNeed
from domain.errors import PortUnavailable
from domain.library.ports import FetchedPage, FetchedSitemap, NotFetched, UnchangedPage, Validators
from domain.library.web_addresses import AddressPolicy
from tests.certificates import certificates
from tests.fakes.site import HTML, Page, ScriptedNames, Site, served

FORMS = {
    "loopback": [
        "http://127.0.0.1/",
        "http://127.0.0.1:80/admin",
        "https://127.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://127.255.255.254/",
        "http://0/",
        "http://0.0.0.0/",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST/",
        "http://app.localhost/",
        "http://127.0.0.1.names.example/",
        "http://loopback.names.example/",
    ],
    "private and CGNAT": [
        "http://10.0.0.1/",
        "http://10.255.255.255/",
        "http://172.16.0.1/",
        "http://172.31.255.254/",
        "http://192.168.0.1/",
        "http://192.168.1.254:443/",
        "http://100.64.0.1/",
        "http://100.127.255.254/",
        "http://198.18.0.1/",
        "http://router.names.example/",
    ],
    "link-local and metadata": [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://169.254.0.1/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://metadata/computeMetadata/v1/",
        "http://100.100.100.200/latest/meta-data/",
        "http://metadata.names.example/",
    ],
    "IPv6": [
        "http://[::1]/",
        "http://[::]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1%25eth0]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://[::127.0.0.1]/",
    ],
    "encodings": [
        "http://2130706433/",
        "http://017700000001/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://0x7f.1/",
        "http://127.0x0.0.01/",
        "http://4294967296/",
        "http://256.0.0.1/",
        "http://127.0.0.1.0x0/",
    ],
    "schemes": [
        "file:///etc/passwd",
        "ftp://names.example/file",
        "gopher://127.0.0.1:6379/_INFO",
        "dict://127.0.0.1:11211/stats",
        "data:text/html,hello",
        "jar:http://names.example/x.jar!/",
        "ldap://127.0.0.1/",
        "javascript:alert(1)",
    ],
    "user, password and backslash": [
        "http://public.example@127.0.0.1/",
        "http://127.0.0.1@public.example/",
        "http://user:secret@public.example/",
        "http://public.example\\@127.0.0.1/",
        "http://127.0.0.1\\.public.example/",
        "http:\\\\127.0.0.1\\",
        "http://public.example#@127.0.0.1:22@/\\",
    ],
    "unicode dots and digits": [
        "http://127\u30020\u30020\u30021/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://\u2460\u2461\u2466.0.0.1/",
        "http://loc\u00adalhost/",
    ],
}
NAMES = {
    "127.0.0.1.names.example": [["127.0.0.1"]],
    "loopback.names.example": [["::1"]],
    "router.names.example": [["192.168.1.1"]],
    "metadata.names.example": [["169.254.169.254"]],
    "public.example": [["93.184.216.34"]],
}


def fetcher(site: Site | None = None, names: ScriptedNames | None = None, **changes: object) -> WebFetcher:
    """One that may reach ``site`` on 127.0.0.1, as an operator may name a network of their own, and nothing else."""
    ports = frozenset() if site is None else frozenset({site.port})
    networks = () if site is None else (ip_network("127.0.0.1/32"),)
    settings = {"per_second": 1_000.0, "again_after_s": (), "names": names or ScriptedNames(NAMES)} | changes
    return WebFetcher(AddressPolicy(networks, ports), **settings)  # type: ignore[arg-type]  # a test's own names


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with served(Site()) as one:
        one.html("/", "<h1>Hello</h1>")
        yield one


async def got(reader: WebFetcher, address: str, **known: str) -> object:
    try:
        return await reader.page(address, known=Validators(**known))
    finally:
        await reader.aclose()


def test_the_table_has_all_the_forms() -> None:
    counts = {kind: len(set(forms)) for kind, forms in FORMS.items()}
    assert list(counts.values()) == [14, 10, 8, 12, 10, 8, 7, 4]
    assert sum(counts.values()) + 5 + 3 == 81  # the redirects and rebindings below


@pytest.mark.parametrize(
    "address", [pytest.param(form, id=f"{kind}: {form}") for kind, forms in FORMS.items() for form in forms]
)
async def test_an_address_that_leads_inside_is_refused(address: str) -> None:
    found = await got(fetcher(), address)
    assert isinstance(found, NotFetched)
    assert found.reason.startswith("it is not fetched: ")


REDIRECTS = {
    "to a private address": "http://10.0.0.1/",
    "to a file": "file:///etc/passwd",
    "to another port": "http://127.0.0.1:81/",
}


@pytest.mark.parametrize("to", [pytest.param(to, id=name) for name, to in REDIRECTS.items()])
async def test_a_redirect_is_checked_as_an_address_is(site: Site, to: str) -> None:
    site.redirect("/away", to)
    found = await got(fetcher(site), site.url("/away"))
    assert isinstance(found, NotFetched)
    assert found.reason.startswith("it is not fetched: ")
    assert site.paths() == ["/away"]


async def test_a_loop_of_21_redirects_ends(site: Site) -> None:
    for n in range(21):
        site.redirect(f"/{n}", f"/{(n + 1) % 21}")
    found = await got(fetcher(site), site.url("/0"))
    assert found == NotFetched("it redirects more than 10 times")
    assert len(site.paths()) == 11


def test_a_redirect_from_https_to_http_is_refused() -> None:
    policy = AddressPolicy()
    with pytest.raises(Exception, match="from https to http"):
        policy.checked_redirect(policy.checked("https://public.example/"), "http://public.example/")
    assert (
        str(policy.checked_redirect(policy.checked("http://a.example/x"), "https://a.example/y"))
        == "https://a.example/y"
    )


async def test_a_name_that_is_bound_anew_between_two_requests_is_looked_at_again(site: Site) -> None:
    names = ScriptedNames({"turning.example": [["127.0.0.1"], ["127.0.0.2"]]})
    reader = fetcher(site, names)
    site.pages["/robots.txt"] = Page("", headers={"Content-Type": "text/plain", "Connection": "close"})
    async with served(Site(), host="127.0.0.2", port=site.port) as inner:
        found = await got(reader, site.url("/", host="turning.example"))
    assert found == NotFetched("it is not fetched: the host is not on the public internet, nor in IBID_FETCH_NETWORKS")
    assert names.looked_up == ["turning.example", "turning.example"]
    assert inner.asked == []
    assert site.paths() == []


async def test_a_name_of_which_one_address_is_private_is_refused_whole(site: Site) -> None:
    names = ScriptedNames({"both.example": [["127.0.0.1", "10.0.0.1"]]})
    found = await got(fetcher(site, names), site.url("/", host="both.example"))
    assert found == NotFetched("it is not fetched: the host is not on the public internet, nor in IBID_FETCH_NETWORKS")
    assert site.asked == []


async def test_what_was_checked_is_what_is_connected_to(site: Site) -> None:
    """One look-up a connection: there is no second answer that could be another."""
    names = ScriptedNames({"pinned.example": [["127.0.0.1"], ["10.0.0.1"]]})
    found = await got(fetcher(site, names), site.url("/", host="pinned.example"))
    assert isinstance(found, FetchedPage)
    assert names.looked_up == ["pinned.example"]
    assert site.asked[-1].headers["Host"] == f"pinned.example:{site.port}"


@pytest.mark.parametrize("port", [22, 25, 81, 3306, 6379, 8080, 65_535])
async def test_other_ports_than_those_of_the_web_are_refused(port: int) -> None:
    found = await got(fetcher(), f"http://public.example:{port}/")
    assert isinstance(found, NotFetched)
    assert f"port {port}" in found.reason


async def test_a_port_of_the_operators_counts_within_the_operators_networks_alone() -> None:
    reader = WebFetcher(AddressPolicy((ip_network("10.0.0.0/8"),), frozenset({8080})), names=ScriptedNames(NAMES))
    found = await got(reader, "http://public.example:8080/")
    assert found == NotFetched(
        "it is not fetched: port 8080 is not fetched from; 80 and 443 are, and within IBID_FETCH_NETWORKS those of "
        "IBID_FETCH_PORTS"
    )


async def test_nothing_of_anybodys_is_sent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the environment is asked, and a cookie that was set does not come back."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.html("/", "<h1>Hello</h1>", **{"Set-Cookie": "session=1; Path=/"})
    reader = fetcher(site)
    for _ in range(2):
        assert isinstance(await reader.page(site.url("/"), known=Validators()), FetchedPage)
    await reader.aclose()
    sent = [set(one.headers) for one in site.asked]
    assert all(headers <= {"Host", "User-Agent", "Accept", "Accept-Encoding"} for headers in sent)


async def test_a_response_beyond_the_limit_is_refused_as_soon_as_it_is_known(site: Site) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": HTML})
        await response.prepare(request)
        for _ in range(20 * 16):
            await response.write(b"a" * 65_536)
        return response

    site.pages["/endless"] = endless
    site.pages["/announced"] = Page(b"a" * (10 * 1024**2 + 1))
    assert await got(fetcher(site), site.url("/endless")) == NotFetched("it has more than 10 MB")
    assert await got(fetcher(site), site.url("/announced")) == NotFetched("it has 10,485,761 bytes; 10 MB are taken")


async def test_a_packed_response_is_unpacked_within_the_same_limits(site: Site) -> None:
    packed = {"Content-Type": HTML, "Content-Encoding": "gzip"}
    site.pages["/good"] = Page(gzip.compress(b"<h1>Hello</h1>"), headers=packed)
    site.pages["/bomb"] = Page(gzip.compress(b"a" * 100_000_000), headers=packed)
    site.pages["/cut"] = Page(gzip.compress(b"<h1>Hello</h1>" * 99)[:-20], headers=packed)
    site.pages["/other"] = Page(zlib.compress(b"x"), headers=packed | {"Content-Encoding": "br"})
    site.pages["/twice"] = Page(b"x", headers=packed | {"Content-Encoding": "gzip, gzip"})
    good = await got(fetcher(site), site.url("/good"))
    assert isinstance(good, FetchedPage)
    assert good.content == b"<h1>Hello</h1>"
    reasons = [await got(fetcher(site), site.url(f"/{name}")) for name in ("bomb", "cut", "other", "twice")]
    assert reasons == [
        NotFetched("it unpacks to more than 20 times its size"),
        NotFetched("it is packed, and ends before its end"),
        NotFetched("it comes in the coding 'br', which was not asked for"),
        NotFetched("it comes in the coding 'gzip, gzip', which was not asked for"),
    ]


async def test_a_page_that_drips_is_given_up(site: Site) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": HTML})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"a")
            await asyncio.sleep(0.05)
        return response

    site.pages["/drip"] = drip
    with pytest.raises(PortUnavailable, match="did not come within"):
        await got(fetcher(site, total_s=0.4), site.url("/drip"))


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "text/css", "application/json", ""])
async def test_what_is_no_document_is_not_read(site: Site, kind: str) -> None:
    site.pages["/other"] = Page(b"x", headers={"Content-Type": kind})
    found = await got(fetcher(site), site.url("/other"))
    assert isinstance(found, NotFetched)
    assert found.reason.startswith("its type is")


@pytest.mark.parametrize(
    ("status", "reason", "gone"),
    [
        (404, "there is no such page (404)", True),
        (410, "there is no such page (410)", True),
        (403, "it is not open to everybody (403)", False),
        (418, "the host answered 418", False),
        (206, "the host answered 206", False),
    ],
)
async def test_a_page_that_is_not_there_says_so(site: Site, status: int, reason: str, gone: bool) -> None:
    site.pages["/x"] = Page("x", status)
    assert await got(fetcher(site), site.url("/x")) == NotFetched(reason, gone)


async def test_what_may_go_better_is_tried_again(site: Site) -> None:
    answers = [503, 500]

    async def flaky(_: web.Request) -> web.StreamResponse:
        status = answers.pop() if answers else 200
        return web.Response(text="<h1>At last</h1>", status=status, content_type="text/html")

    site.pages["/flaky"] = flaky
    assert isinstance(await got(fetcher(site, again_after_s=(0.0, 0.0)), site.url("/flaky")), FetchedPage)
    site.pages["/broken"] = Page("x", 503, {"Retry-After": "120"})
    with pytest.raises(PortUnavailable) as broken:
        await got(fetcher(site), site.url("/broken"))
    assert broken.value.retry_after_s == 120


async def test_robots_txt_is_kept_to_and_read_once(site: Site) -> None:
    rules = "User-agent: *\nDisallow: /\n\nUser-agent: ibid\nDisallow: /private/*.html$\nAllow: /\n"
    site.pages["/robots.txt"] = Page(rules, headers={"Content-Type": "text/plain"})
    site.html("/private/a.html", "<h1>No</h1>")
    reader = fetcher(site)
    refused = await reader.page(site.url("/private/a.html"), known=Validators())
    taken = await reader.page(site.url("/"), known=Validators())
    await reader.aclose()
    assert refused == NotFetched("the site's robots.txt does not let it be fetched")
    assert isinstance(taken, FetchedPage)
    assert [one.path for one in site.asked] == ["/robots.txt", "/"]


async def test_a_site_whose_robots_txt_fails_is_left_alone(site: Site) -> None:
    site.pages["/robots.txt"] = Page("x", 500)
    with pytest.raises(PortUnavailable, match=r"robots\.txt"):
        await got(fetcher(site), site.url("/"))
    assert site.paths() == []


async def test_the_rate_of_a_host_and_its_crawl_delay_are_kept(site: Site) -> None:
    rules = "User-agent: *\nCrawl-delay: 0.2\n"
    site.pages["/robots.txt"] = Page(rules, headers={"Content-Type": "text/plain"})
    reader = fetcher(site, per_second=50.0)
    assert reader.interval_s(site.url("/")) == 0.02
    await asyncio.gather(*(reader.page(site.url("/"), known=Validators()) for _ in range(4)))
    assert reader.interval_s(site.url("/")) == 0.2
    await reader.aclose()
    times = [one.at for one in site.asked if one.path == "/"]
    assert all(later - sooner > 0.15 for sooner, later in pairwise(times))


async def test_an_unchanged_page_costs_a_304(site: Site) -> None:
    site.html("/", "<h1>Hello</h1>", ETag='"1"', **{"Last-Modified": "Sat, 01 Nov 2025 00:00:00 GMT"})
    reader = fetcher(site)
    first = await reader.page(site.url("/"), known=Validators())
    assert isinstance(first, FetchedPage)
    assert first.validators == Validators('"1"', "Sat, 01 Nov 2025 00:00:00 GMT")
    assert await reader.page(site.url("/"), known=first.validators) == UnchangedPage()
    await reader.aclose()


async def test_links_and_the_canonical_address_are_read(site: Site) -> None:
    head = '<base href="/docs/"><link rel="canonical" href="https://docs.example/a">'
    links = '<a href="b?x=1#y">b</a><a href="/c/../d">d</a><a href="b?x=1">b</a><a href="javascript:x()">j</a>'
    site.html("/a", links + '<a rel="nofollow" href="/e">e</a><a href="http://10.0.0.1\\@x/">f</a>', head=head)
    found = await got(fetcher(site), site.url("/a"))
    assert isinstance(found, FetchedPage)
    assert list(found.links) == [site.url("/docs/b?x=1"), site.url("/d")]
    assert found.canonical == "https://docs.example/a"


SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc> https://a.example/x?a=1&amp;b=2 </loc><lastmod>2026-01-01</lastmod>
<i:image><i:loc>https://a.example/i.png</i:loc></i:image></url>
<url><loc><![CDATA[https://a.example/y]]></loc></url><url><loc>javascript:x()</loc></url></urlset>"""
INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>https://a.example/1.xml.gz</loc></sitemap></sitemapindex>"""
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'


async def test_sitemaps_are_read_packed_or_not(site: Site) -> None:
    xml = {"Content-Type": "application/xml"}
    pages = ["https://a.example/x?a=1&b=2", "https://a.example/y"]
    site.pages |= {
        "/plain.xml": Page(SITEMAP, headers=xml),
        "/packed.xml.gz": Page(gzip.compress(SITEMAP.encode()), headers={"Content-Type": "application/gzip"}),
        "/index.xml": Page(INDEX, headers=xml),
        "/list.txt": Page("https://a.example/z\n", headers={"Content-Type": "text/plain"}),
    }
    reader = fetcher(site)
    found = [
        await reader.sitemap(site.url(path)) for path in ("/plain.xml", "/packed.xml.gz", "/index.xml", "/list.txt")
    ]
    await reader.aclose()
    assert [one.pages for one in found if isinstance(one, FetchedSitemap)] == [
        pages,
        pages,
        [],
        ["https://a.example/z"],
    ]
    assert isinstance(found[2], FetchedSitemap)
    assert found[2].sitemaps == ["https://a.example/1.xml.gz"]


@pytest.mark.parametrize(
    "body", [BOMB, "<urlset><url>", "<html></html>", "<rss></rss>", "hello", gzip.compress(b"a" * 60_000_000)]
)
async def test_what_is_no_sitemap_is_refused(site: Site, body: str | bytes) -> None:
    site.pages["/s.xml"] = Page(body, headers={"Content-Type": "application/xml"})
    reader = fetcher(site)
    found = await reader.sitemap(site.url("/s.xml"))
    await reader.aclose()
    assert isinstance(found, NotFetched)
    assert found.reason.startswith("the sitemap cannot be read: ")


async def test_tls_is_verified_for_the_name_whatever_the_address(tmp_path: Path) -> None:
    server, certificate = certificates(tmp_path, "docs.example")
    believed = ssl.create_default_context(cafile=str(certificate))
    names = {name: [["127.0.0.1"]] for name in ("docs.example", "other.example")}
    async with served(Site(), tls=server) as site:
        site.html("/", "<h1>Hello</h1>")
        good = await got(fetcher(site, ScriptedNames(names), tls=believed), site.url("/", host="docs.example"))
        wrong = await got(fetcher(site, ScriptedNames(names), tls=believed), site.url("/", host="other.example"))
        unknown = await got(fetcher(site, ScriptedNames(names)), site.url("/", host="docs.example"))
    assert isinstance(good, FetchedPage)
    refused = NotFetched("its certificate is not one for this host, or nobody known vouches for it")
    assert (wrong, unknown) == (refused, refused)


async def test_a_fetcher_made_at_need_keeps_to_the_same_addresses_and_closes_whether_it_was_needed_or_not(
    site: Site,
) -> None:
    policy = AddressPolicy((ip_network("127.0.0.1/32"),), frozenset({site.port}))
    reader = FetcherAtNeed(policy, agent="Ibid", per_second=1_000.0)
    page = await reader.page(site.url(), known=Validators())
    refused = await reader.sitemap("http://127.0.0.2/sitemap.xml")
    await reader.aclose()
    assert isinstance(page, FetchedPage)
    assert reader.interval_s(site.url()) == 0.001
    assert b"Hello" in page.content
    assert isinstance(refused, NotFetched)
    await FetcherAtNeed(AddressPolicy(), agent="Ibid", per_second=4.0).aclose()
