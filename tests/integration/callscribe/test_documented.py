"""The examples of docs/cli.md run as they stand, on the real stack, in a folder with two calls."""

import json
import os
import re
import shlex
import subprocess
import sys
from uuid import uuid4

import pytest
import soundfile
from websockets.sync.client import connect

from tests.conftest import ROOT
from tests.integration import soundcard
from tests.integration.pipeline.calls import pcm16, said, sample_call, sentence

PAGE = (ROOT / "docs" / "cli.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LINES = [shlex.split(line)[1:] for block in BLOCKS for line in block.splitlines()]
ELSEWHERE = ("up", "demo", "loadtest", "keys", "prove", "hosts")
"""Commands that have tests of their own with the real thing."""


def examples(*commands):
    """Return the command lines of these commands, as parameters."""
    chosen = [line for line in LINES if line[0] in commands]
    return pytest.mark.parametrize("line", chosen, ids=" ".join)


def run(line, directory, *further, env=None):
    """Run a command line in a directory; return what it printed."""
    command = [sys.executable, "-m", "callscribe", *line, *further]
    env = {**(env or os.environ), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=directory, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_example_is_left_out():
    commands = {line[0] for line in LINES}
    run_here = {"transcribe", "watch", "listen", "trace", "turns"}
    run_here |= {"dead-letters", "certificate", "check-config", "redis-acl", "sinks"}
    assert commands == run_here | {*ELSEWHERE}


@examples("transcribe")
def test_transcribe(line, stack, tmp_path):
    soundfile.write(tmp_path / "call.wav", sample_call(6.5), 8_000)
    soundfile.write(tmp_path / "other.wav", sample_call(13)[6 * 8_000 :], 8_000)
    printed = run(line, tmp_path, "--url", stack.url)
    files = "".join(path.read_text() for path in tmp_path.glob("*.json"))
    assert "Northwind" in printed + files
    if "--output" in line:
        whole = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("call", "other")]
        assert [each["complete"] for each in whole] == [True, True]
        assert all(each["words"] for one in whole for each in one["utterances"])
    if "srt" in line:
        assert "agent: " in printed


@examples("watch")
def test_watch(line, stack, tmp_path):
    name = f"ticket {uuid4()}"
    config = {"type": "config", "encoding": "pcm16", "conversation_id": name}
    with connect(stack.url, proxy=None) as client:
        client.send(json.dumps(config))
        client.send(pcm16(sentence()))
        if line == ["watch"]:
            assert name in run(line, tmp_path, "--url", f"http://127.0.0.1:{stack.port}")
        client.send(json.dumps({"type": "finalize"}))
        for _ in client:
            pass
    named = [name if word == "ticket 7" else word for word in line]
    if named != line:
        printed = run(named, tmp_path, "--url", f"http://127.0.0.1:{stack.port}")
        assert ("fox" in printed) is ("--from" not in line)


def spoken(stack):
    """Have a call said; return its name."""
    name = f"ticket {uuid4()}"
    config = {"type": "config", "encoding": "pcm16", "conversation_id": name, "words": True}
    with connect(stack.url, proxy=None) as client:
        client.send(json.dumps(config))
        client.send(pcm16(sentence()))
        client.send(json.dumps({"type": "finalize"}))
        for _ in client:
            pass
    return name


@examples("trace")
def test_trace(line, stack, tmp_path):
    name = spoken(stack)
    named = [name if word == "ticket 7" else word for word in line]
    printed = run(named, tmp_path, "--url", f"http://127.0.0.1:{stack.port}")
    assert ('"stamps"' if "--json" in line else "utterance 1") in printed
    assert (tmp_path / "call.svg").exists() is ("--picture" in line)


@examples("turns")
def test_turns(line, stack, tmp_path):
    name = spoken(stack)
    named = [name if word == "ticket 7" else word for word in line]
    printed = run(named, tmp_path, "--url", f"http://127.0.0.1:{stack.port}")
    assert ('"endpointing": "turn"' if "--json" in line else "turn 0.6 s") in printed


@examples("listen")
def test_listen(line, stack, tmp_path):
    soundcard.needed()
    speech = pcm16(said(sentence(), 0.5))
    with soundcard.soundcard(tmp_path, speech, block=3_200, seconds=0.1) as env:
        printed = run(line, tmp_path, "--url", stack.url, env=env)
    written = "".join(path.read_text() for path in tmp_path.glob("*.vtt"))
    assert ("line (" if "--list-devices" in line else "fox") in (printed + written)


@examples("dead-letters")
def test_dead_letters(line, stack, tmp_path):
    run(line, tmp_path, "--redis-url", stack.redis_url)


@examples("sinks")
def test_sinks(line, stack, tmp_path):
    run(line, tmp_path, "--redis-url", stack.redis_url)


@examples("certificate", "check-config", "redis-acl")
def test_what_needs_no_server(line, tmp_path):
    assert run(line, tmp_path)
