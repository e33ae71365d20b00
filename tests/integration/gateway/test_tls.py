"""A gateway's self-signed certificate: kept, shown, and trusted as docs/tls.md says."""

import asyncio
import hashlib
import os
import re
import select
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from callscribe.client import Final, Options, connect
from callscribe.client.errors import WrongAddress
from callscribe.client.trust import trust
from common.errors import SettingsError
from tests.certificates import Identity, identity
from tests.conftest import ROOT
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack, running_stack
from tests.integration.pipeline.calls import messages, sentence
from tests.integration.pipeline.services import Service, service

PAGE = (ROOT / "docs" / "tls.md").read_text()


class Secured:
    """A gateway with a self-signed certificate, which is kept in `certs` of its directory."""

    def __init__(self, running: Service, directory: Path) -> None:
        self.port = running.port
        self.directory = directory
        self.certfile = directory / "certs" / "fullchain.pem"
        self._log = directory / "log"

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}/ws/asr"

    @property
    def fingerprint(self) -> str:
        """As the log shows it."""
        found: str = re.findall(r"gateway\.certificate.* sha256=(\S+)", self._log.read_text())[-1]
        return found

    def page(self, path: str) -> bytes:
        where = f"https://localhost:{self.port}{path}"
        with urllib.request.urlopen(where, context=trust(self.certfile), timeout=5) as answer:
            body: bytes = answer.read()
            return body


def answers(gateway: Secured) -> bool:
    with suppress(OSError, SettingsError):  # the latter: it has no certificate yet
        return gateway.page("/ready") == b"ok\n"
    return False


@contextmanager
def secured(stack: RunningStack, directory: Path) -> Iterator[Secured]:
    """A gateway beside that of the stack; its log and its certificate lie in a directory."""
    flags = "--generate-self-signed-cert", "--self-signed-cert-dir", str(directory / "certs")
    with (
        (directory / "log").open("ab") as log,
        service("gateway", stack.redis_url, *flags, stderr=log) as running,
    ):
        there = Secured(running, directory)
        until(lambda: answers(there))
        yield there


@pytest.fixture(scope="module")
def gateway(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(stack, tmp_path_factory.mktemp("gateway")) as running:
        yield running


async def talk(url: str, tls: ssl.SSLContext) -> str:
    """Say one sentence; return what was understood."""

    async def audio() -> AsyncIterator[bytes]:
        for message in messages(sentence()):
            yield message

    async with connect(url, Options(encoding="pcm16"), tls=tls) as call:
        events = [event async for event in call.transcribe(audio())]
    return " ".join(event.text for event in events if isinstance(event, Final)).lower()


@pytest.mark.parametrize("by", ["file", "fingerprint"])
async def test_a_client_that_trusts_it_is_served(gateway: Secured, by: str):
    tls = trust(gateway.certfile) if by == "file" else trust(fingerprint=gateway.fingerprint)
    assert "fox" in await talk(gateway.url, tls)


def test_probes_leave_nothing_in_the_log(gateway: Secured):
    for _ in range(5):
        with (
            socket.create_connection(("localhost", gateway.port), timeout=5) as plain,
            trust(gateway.certfile).wrap_socket(plain, server_hostname="localhost") as probe,
        ):
            probe.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            probe.setblocking(False)
            with suppress(ssl.SSLError):
                probe.unwrap()  # it says that it sends nothing more
            assert select.select([probe], [], [], 5)[0]
    assert "eof_received" not in (gateway.directory / "log").read_text()


async def test_a_client_that_was_told_nothing_refuses_it(gateway: Secured):
    with pytest.raises(WrongAddress, match=r"not trusted: self.signed certificate"):
        await talk(gateway.url, trust())


@asynccontextmanager
async def man_in_the_middle(
    gateway: Secured, own: Identity
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Pass everything on, and note what can be read; yields the port and the notes."""
    notes: list[bytes] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(
            "localhost", gateway.port, ssl=trust(gateway.certfile)
        )

        async def up() -> None:
            while data := await reader.read(4096):
                notes.append(data)
                back.write(data)

        async def down() -> None:
            while data := await there.read(4096):
                writer.write(data)

        with suppress(OSError):
            await asyncio.wait(
                [asyncio.create_task(up()), asyncio.create_task(down())],
                return_when=asyncio.FIRST_COMPLETED,
            )
        writer.close()
        back.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=own.server())
    async with server:
        yield server.sockets[0].getsockname()[1], notes


async def test_a_man_in_the_middle_is_sent_nothing(gateway: Secured, tmp_path: Path):
    own = identity(tmp_path, "other", "localhost")
    async with man_in_the_middle(gateway, own) as (port, notes):
        url = f"wss://localhost:{port}/ws/asr"
        with pytest.raises(WrongAddress) as refused:
            await talk(url, trust(fingerprint=gateway.fingerprint))
        assert gateway.fingerprint in str(refused.value)
        assert own.fingerprint in str(refused.value)
        with pytest.raises(WrongAddress):
            await talk(url, trust(gateway.certfile))
        assert notes == []
        # With another trust it would have worked.
        assert "fox" in await talk(url, trust(own.certfile))
        assert notes


def test_it_is_the_same_after_a_restart_and_of_all_that_share_it(
    stack: RunningStack, gateway: Secured
):
    with secured(stack, gateway.directory) as another:
        assert another.certfile.read_bytes() == gateway.page("/certificate")
        assert another.page("/certificate") == gateway.page("/certificate")


def test_the_page_hands_it_out(gateway: Secured, stack: RunningStack):
    assert gateway.page("/certificate") == gateway.certfile.read_bytes()
    assert stack.page("/certificate") == (404, "this server serves no self-signed certificate\n")


def shown(language: str, part: str) -> str:
    """Return the page's block in a language that has this part."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (block,) = [each for each in blocks if part in each]
    return str(block)


def run(gateway: Secured, program: str, text: str, **env: str) -> str:
    """Run what the page shows, with this gateway's port."""
    text = text.replace("localhost:8000", f"localhost:{gateway.port}")
    done = subprocess.run(
        [*program.split(), text],
        env={**os.environ, **env},
        cwd=gateway.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")


def test_the_fingerprint_is_that_of_openssl(gateway: Secured):
    needs("openssl", "curl")
    said = run(gateway, "sh -ec", shown("sh", "-fingerprint"))
    assert said.splitlines()[0].partition("=")[2] == gateway.fingerprint
    assert said.partition("\n")[2].encode() == gateway.certfile.read_bytes()


@pytest.mark.parametrize("program", ["curl", "node"])
def test_other_programs_can_trust_it(gateway: Secured, program: str):
    needs(program)
    part = {"curl": "--cacert", "node": "NODE_EXTRA_CA_CERTS"}[program]
    assert run(gateway, "sh -ec", shown("sh", part)).strip() == "ok"


def test_node_can_trust_it_for_one_connection(gateway: Secured):
    needs("node")
    program = """
        const { readFileSync } = require("node:fs");
        const ca = readFileSync("certs/fullchain.pem");
        require("node:https").get("https://localhost:8000/health", { ca }, (answer) => {
            answer.on("data", (text) => process.stdout.write(text));
        });"""
    assert run(gateway, "node -e", program) == "ok\n"


def test_the_python_program_of_the_page_runs(gateway: Secured):
    said = run(gateway, f"{sys.executable} -c", shown("python", "trust"))
    assert said.startswith("opened ")


def test_chromium_accepts_it_once_it_was_imported(gateway: Secured, tmp_path: Path):
    needs("certutil", "chromium")
    visit = "chromium --headless --no-sandbox --disable-gpu --dump-dom"
    where = "https://localhost:8000/health"
    assert "ok\n" not in run(gateway, visit, where, HOME=str(tmp_path / "other"))
    home = tmp_path / "home"
    home.mkdir()
    run(gateway, "sh -ec", shown("sh", "certutil"), HOME=str(home))
    assert "ok\n" in run(gateway, visit, where, HOME=str(home))


def test_the_local_stack_shows_it(redis_url: str, tmp_path: Path):
    flags = "--generate-self-signed-cert", "--self-signed-cert-dir", str(tmp_path)
    with running_stack(redis_url, *flags, "--denoise", "0") as stack:
        (up,) = stack.processes
        assert isinstance(up, subprocess.Popen)
        assert up.stdout is not None
        pem = (tmp_path / "fullchain.pem").read_text()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()
        assert up.stdout.readline() == (
            f"its self-signed certificate: {tmp_path}/fullchain.pem, SHA-256 fingerprint {digest}\n"
        )
