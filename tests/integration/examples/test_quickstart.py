"""Every command and program of the quick start, as it is printed."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.documents import block
from tests.integration.conftest import running_stack
from tests.integration.examples.conftest import plain
from tests.integration.examples.workshop import Workshop, ended_call
from tests.integration.gateway.telephones import FOX
from tests.real_redis import real_redis

pytestmark = pytest.mark.model_text

QUICK = "docs/quickstart.md"
ANSWERED = "thank you for calling northwind energy"
TRANSCRIBE = ".venv/bin/callscribe transcribe callscribe/sample/sample_call.wav"


def test_the_command_that_starts_a_server_is_the_one_of_the_other_tests(workshop: Workshop):
    started = workshop.shell(block(QUICK, "make up")).splitlines()[-1]
    assert started.split() == [".venv/bin/callscribe", "up"]


def test_the_program_prints_what_both_speakers_say(workshop: Workshop):
    workshop.short_sample(12)
    program = workshop.moved(block(QUICK, "import sys"))
    (workshop.folder / "words.py").write_text(program)
    printed = workshop.shell(block(QUICK, ".venv/bin/python words.py"))
    lines = re.findall(r"^ *[\d.]+ channel (\d): (.+)$", printed, re.MULTILINE)
    assert {channel for channel, _ in lines} == {"0", "1"}
    assert ANSWERED in plain(" ".join(text for channel, text in lines if channel == "0"))


def test_curl_sends_a_recording(workshop: Workshop):
    assert ANSWERED in plain(workshop.shell(block(QUICK, "curl -F")))


def test_the_command_line_sends_a_recording(workshop: Workshop):
    workshop.short_sample(9)
    printed = workshop.shell(block(QUICK, f"{TRANSCRIBE}\n"))
    assert ANSWERED in plain(printed)


@pytest.mark.skipif(shutil.which("nc") is None, reason="nc is not on the PATH")
def test_nc_sends_raw_audio(workshop: Workshop):
    (line,) = workshop.shell(block(QUICK, "nc")).splitlines()
    begin, end, text = line.split(" ", 2)
    assert int(begin) < int(end)
    assert text == FOX


def test_curl_reads_a_call(workshop: Workshop):
    call = ended_call(workshop)
    printed = workshop.shell(block(QUICK, "curl http"), ID=call)
    running, end = json.JSONDecoder().raw_decode(printed)
    assert "sessions" in running
    assert printed[end:].startswith("id: 0\nevent: session_created\n")
    assert f'"text": "{FOX}"' in printed[end:]


def test_other_machines_call_with_a_key(tmp_path: Path):
    ports = {8000: 0}  # not known before the keys are made
    workshop = Workshop(tmp_path, ports)
    assert workshop.shell(block(QUICK, "(umask 077")).count("is ready at https://") == 1
    keys = [tmp_path / "key", tmp_path / "keys.json"]
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    flags = ["--keys-file", str(keys[1]), "--generate-self-signed-cert"]
    flags += ["--self-signed-cert-dir", str(tmp_path / "certs")]
    workshop.short_sample(9)
    with real_redis() as own, running_stack(own.url, *flags) as stack:
        ports[8000] = stack.port
        commands = block(QUICK, f"{TRANSCRIBE} \\")
        printed = workshop.shell(commands, SERVER=f"wss://127.0.0.1:{stack.port}/ws/asr")
        assert plain(printed).count(ANSWERED) == 2
        (tmp_path / "key").write_text("nonsense")
        assert "unknown_key" in workshop.shell(commands[commands.index("curl") :])
