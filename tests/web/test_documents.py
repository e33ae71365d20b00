"""The documents' programs in JavaScript, with the package as it is built."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents import block, blocks
from tests.integration.conftest import RunningStack, running_stack
from tests.integration.examples.conftest import plain
from tests.integration.examples.workshop import Workshop, ended_call
from tests.integration.gateway.telephones import FOX
from tests.real_redis import real_redis

README = "clients/js/README.md"
PACKAGE = ROOT / "clients" / "js"
QUICK = "docs/quickstart.md"

pytestmark = [
    pytest.mark.model_text,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not on the PATH"),
    pytest.mark.skipif(
        not (PACKAGE / "dist" / "index.js").exists(), reason="`make web` has not built the package"
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningStack]:
    """A stack of its own: these programs come without a browser."""
    with real_redis() as own, running_stack(own.url) as running:
        yield running


@pytest.fixture
def workshop(server: RunningStack, tmp_path: Path) -> Workshop:
    """A folder in which the package is installed."""
    folder = tmp_path / "workshop"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "node_modules" / "callscribe").symlink_to(PACKAGE)
    return Workshop(folder, {8000: server.port})


def test_the_program_of_the_quick_start_prints_what_both_speakers_say(workshop: Workshop):
    workshop.short_sample(12)
    program = workshop.moved(block(QUICK, "import { readFile }"))
    (workshop.folder / "words.mjs").write_text(program)
    printed = workshop.shell(block(QUICK, "node words.mjs"))
    lines = re.findall(r"^ *[\d.]+ channel (\d): (.+)$", printed, re.MULTILINE)
    assert {channel for channel, _ in lines} == {"0", "1"}
    agent = plain(" ".join(text for channel, text in lines if channel == "0"))
    assert "thank you for calling northwind energy" in agent


def run(workshop: Workshop, program: str) -> str:
    """Run a program for Node; return what it prints."""
    (workshop.folder / "program.mjs").write_text(workshop.moved(program))
    return workshop.shell("node program.mjs")


def test_the_program_with_a_recorder_of_the_system_runs(workshop: Workshop):
    recorder = workshop.folder / ".venv" / "bin" / "arecord"
    recorder.write_text("#!/bin/sh\ncat call.raw\n")
    recorder.chmod(0o755)
    assert run(workshop, block(README, "import { spawn }")).split("\n")[0] == FOX


def test_the_program_that_follows_a_call_runs(workshop: Workshop):
    program = block(README, "import { follow }")
    program = program.replace("http://gateway.example.com", "http://localhost:8000")
    named = f'const conversationId = "{ended_call(workshop)}";\n{program}'
    assert run(workshop, named).splitlines()[0] == f"0 {FOX}"


def test_every_name_that_a_fragment_imports_is_exported(workshop: Workshop):
    texts = [each.text for each in blocks(README) if each.language in ("js", "jsx")]
    imports = re.findall(r'^import \{ (.+) \} from "(callscribe\S*)";$', "\n".join(texts), re.M)
    assert {module for _, module in imports} >= {"callscribe", "callscribe/react"}
    checks = "".join(
        f"for (const name of {names.split(', ')}) "
        f'console.log(typeof (await import("{module}"))[name]);\n'
        for names, module in imports
    )
    assert {*run(workshop, checks).split()} == {"function"}
