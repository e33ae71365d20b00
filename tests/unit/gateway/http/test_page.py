"""The page's files: what a browser gets with them, and what it need not load again."""

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from gateway.http import page

GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    app = web.Application()
    app.add_routes(page.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    base = f"http://127.0.0.1:{port}"
    async with ClientSession(base, auto_decompress=False) as session:
        yield session
    await runner.cleanup()


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/page/index.css"])
async def test_a_file_is_compressed_for_whom_it_may_be(client: ClientSession, path: str):
    async with client.get(path, headers={"Accept-Encoding": "identity"}) as plain:
        body = await plain.read()
        assert "Content-Encoding" not in plain.headers
    async with client.get(path, headers=GZIP) as small:
        assert small.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await small.read()) == body
        assert small.charset == "utf-8"


async def test_scripts_come_from_the_gateway_alone(client: ClientSession):
    async with client.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert not any("unsafe" in rule or "http" in rule for rule in policy)


async def test_an_unchanged_file_is_not_sent_again(client: ClientSession):
    async with client.get("/page/page.js") as first:
        tag = first.headers["ETag"]
    async with client.get("/page/page.js", headers={"If-None-Match": tag}) as again:
        assert again.status == 304
        assert await again.read() == b""
    async with client.get("/page/page.js", headers={"If-None-Match": '"other"'}) as changed:
        assert changed.status == 200


async def test_the_older_address_leads_to_the_page(client: ClientSession):
    async with client.get("/static/index.html", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "../")


async def test_only_files_of_the_page_are_served(client: ClientSession):
    for path in ("/page/nothing.js", "/page/..%2f..%2fpage.py", "/page/index.html"):
        async with client.get(path) as answer:
            assert answer.status == 404
