"""Paths that mean to leave the page's folder: each is answered, and with none of our files."""

import asyncio

import pytest

from tests.attack import wire
from tests.integration.conftest import RunningStack

pytestmark = pytest.mark.usefixtures("unharmed")

UPS = [
    "..",
    "%2e%2e",
    "%2E.",
    "..%00",
    "%252e%252e",
    "..;",
    "%c0%ae%c0%ae",
    "..%5c",
    "%uff0e%uff0e",
]
SLASHES = ["/", "%2f", "%252f", "\\", "%5c", "//", "/./", "%c0%af", "\u2215", "%u2215"]
TARGETS = ["etc/passwd", "proc/self/environ", "gateway/settings.py", "page.py", "assets/index.html"]
PATHS = sorted(
    {
        f"{root}{slash.join([up] * 9)}{slash}{target}"
        for root in ("/page/", "/static/", "/", "/v1/sessions/")
        for up in UPS
        for slash in SLASHES
        for target in TARGETS
    }
    | {
        *("/page//etc/passwd", "/page/%2fetc%2fpasswd", "/page/file:///etc/passwd"),
        *("/page/index.html%00.js", "/page/page.js%00", "/page/.", "/page/..", "/page/%00"),
        *("/page/~root", "/page/$HOME", "/page/*", "/page/C:%5cwindows%5cwin.ini"),
    }
)
FORBIDDEN = (b"root:", b"PATH=", b"import ", b"<!doctype html>")
ABREAST = 16


async def ask(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(wire.request(path))
    async with asyncio.timeout(30):
        said = await reader.read()
    writer.close()
    return said


async def test_no_path_leads_to_a_file_that_is_not_the_pages(stack: RunningStack):
    assert len(PATHS) > 1_000
    places = asyncio.Semaphore(ABREAST)
    met: dict[int | None, int] = {}

    async def attempt(path: str) -> None:
        async with places:
            said = await ask(stack.port, path)
        status = wire.status_of(said)
        met[status] = met.get(status, 0) + 1
        assert status in (400, 404), (path, said[:200])
        assert not [each for each in FORBIDDEN if each in said], path

    await asyncio.gather(*(attempt(path) for path in PATHS))
    assert set(met) == {400, 404}
