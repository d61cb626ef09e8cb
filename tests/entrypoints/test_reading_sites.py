"""A real site on loopback, read by the whole service: by the command line, and through a crash."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.service_process import ServiceProcess, running
from tests.entrypoints.test_service_process import data_dir, ingested, kill  # noqa: F401  a fixture
from tests.fakes.site import Page, Site, served

PAGES = 60


def a_site() -> Site:
    site = Site()
    names = [f"/docs/p{n}" for n in range(PAGES)]
    links = "".join(f'<a href="{name}">{name}</a>' for name in names)
    site.html("/docs/", f"<h1>All pages</h1><p>They are here.</p>{links}", ETag='"all"')
    for n, name in enumerate(names):
        text = f"<h1>Page {n}</h1><h2 id='why'>Why</h2><p>The reason of page {n} is the number {n * 7}.</p>"
        site.html(name, text, ETag=f'"{n}"')
    return site


def environment(site: Site, **more: str) -> dict[str, str]:
    return {
        "IBID_FETCH_NETWORKS": "127.0.0.1/32",
        "IBID_FETCH_PORTS": str(site.port),
        "IBID_FETCH_PER_SECOND": "100",
        **more,
    }


def ibid(folder: Path, site: Site, *arguments: str) -> Any:
    program = [sys.executable, "-m", "entrypoints.cli", *arguments, "--json"]
    given = {**os.environ, **environment(site), "IBID_DATA_DIR": str(folder)}
    done = subprocess.run(program, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
async def test_a_site_is_ingested_by_one_command_and_the_second_time_costs_304s(data_dir: Path) -> None:  # noqa: F811
    async with served(a_site()) as site:
        first = await asyncio.to_thread(ibid, data_dir, site, "ingest", site.url("/docs/"), "--collection", "site")
        assert (first["counts"]["added"], first["counts"]["failed"]) == (PAGES + 1, 0)
        assert sorted(site.paths()) == sorted(site.pages), "each once"

        site.asked.clear()
        again = await asyncio.to_thread(ibid, data_dir, site, "ingest", site.url("/docs/"), "--collection", "site")
        assert (again["counts"]["unchanged"], again["passages"]) == (PAGES + 1, 0)
        assert all("If-None-Match" in one.headers for one in site.asked if one.path != "/robots.txt")

        found = await asyncio.to_thread(ibid, data_dir, site, "search", "reason of page 41")
        best = found["passages"][0]
        assert best["document"]["uri"] == site.url("/docs/p41")
        assert best["section"]["url"] == site.url("/docs/p41#why")


@pytest.mark.long
async def test_a_packed_sitemap_is_read_and_its_rest_pruned(data_dir: Path) -> None:  # noqa: F811
    async with served(a_site()) as site:
        locations = "".join(f"<url><loc>{site.url(f'/docs/p{n}')}</loc></url>" for n in range(PAGES))
        xml = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locations}</urlset>'
        site.pages["/sitemap.xml.gz"] = Page(gzip.compress(xml.encode()), headers={"Content-Type": "application/gzip"})
        arguments = ("ingest", site.url("/sitemap.xml.gz"), "--include", "/docs/p1*", "--prune")
        await asyncio.to_thread(ibid, data_dir, site, "ingest", site.url("/docs/p2"), "--max-depth", "0")
        done = await asyncio.to_thread(ibid, data_dir, site, *arguments)
    assert (done["counts"]["added"], done["counts"]["removed"], done["counts"]["total"]) == (11, 1, 11)


@pytest.mark.long
async def test_a_site_that_was_being_read_is_read_to_its_end_after_kill_9(data_dir: Path) -> None:  # noqa: F811
    async with served(a_site()) as site:

        def asked_and_killed() -> str:
            slow = environment(site, IBID_FETCH_PER_SECOND="20")
            with running(data_dir, environment=slow) as service:
                status_url = ask_for(service, site)
                while len(site.paths()) < 25:
                    time.sleep(0.01)
                kill(service)
            return status_url

        def read_on(status_url: str) -> tuple[dict[str, Any], int]:
            with running(data_dir, environment=environment(site)) as service:
                state = ingested(service, status_url)
                with service.client() as client:
                    body = {"query": "reason of page 17", "limit": 50}
                    found = client.post("/v1/search", json=body).json()["passages"]
                return state, len({one["passage_id"] for one in found}) - len(found)

        status_url = await asyncio.to_thread(asked_and_killed)
        state, doubled = await asyncio.to_thread(read_on, status_url)
    assert (state["status"], state["counts"]["total"], doubled) == ("succeeded", PAGES + 1, 0)
    assert state["counts"]["added"] + state["counts"]["unchanged"] == PAGES + 1
    assert state["source"]["location"] == site.url("/docs/")


def ask_for(service: ServiceProcess, site: Site) -> str:
    source = {"type": "url", "location": site.url("/docs/"), "include": ["/docs/**"], "exclude": []}
    with service.client() as client:
        accepted = client.post("/v1/admin/ingestions", json={"collection": "docs", "source": source})
        assert accepted.status_code == 202, accepted.text
        return str(accepted.json()["status_url"])
