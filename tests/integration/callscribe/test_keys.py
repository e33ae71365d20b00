"""Our client and commands at a gateway that needs keys, and what they say where one does not do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import soundfile

from callscribe import sync
from callscribe.client import ServerError, connect
from callscribe.client.messages import Final, Resumed
from callscribe.client.options import Options
from common.settings import API_KEY
from tests.chaos.proxy import Proxy
from tests.integration import soundcard
from tests.integration.guarded import Guarded, guarded_stack
from tests.integration.pipeline.calls import pcm16, said, sentence, split

OPTIONS = Options(sample_rate=16_000)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_stack(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture
def spoken(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "a.wav", sentence(), 16_000, subtype="PCM_16")
    return str(tmp_path / "a.wav")


@dataclass(frozen=True)
class Done:
    code: int
    output: str
    errors: str


def run(*argv: str, key: str = "", url: str) -> Done:
    """Run a command with a key in the environment, where other users do not see it."""
    command = [sys.executable, "-m", "callscribe", *argv, "--url", url]
    env = {**os.environ, API_KEY: key}
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=env)
    return Done(done.returncode, done.stdout, done.stderr)


def token(guarded: Guarded, key: str, seconds: int = 60) -> str:
    body = json.dumps({"seconds": seconds}).encode()
    headers = {"Authorization": f"Bearer {key}"}
    with urlopen(Request(f"{guarded.pages}/v1/tokens", body, headers), timeout=10) as answer:
        made: str = json.load(answer)["token"]
        return made


@pytest.mark.model_text
def test_every_command_works_with_a_key(guarded: Guarded, spoken: str):
    keys, url = guarded.keys, guarded.stack.url
    flags = ["--format", "json", "--speed", "0"]
    sent = run("transcribe", spoken, *flags, key=keys.caller, url=url)
    assert "fox" in json.loads(sent.output)["text"], sent.errors
    with sync.connect(url, OPTIONS, api_key=keys.caller) as call:
        listed = run("watch", "--json", key=keys.reader, url=guarded.pages)
        assert call.session_id in listed.output
        call.send(pcm16(sentence()))
        call.finalize()
        finals = [event for event in call if isinstance(event, Final)]
    assert "fox" in " ".join(each.text for each in finals)
    for command in ("watch", "trace"):
        read = run(command, call.session_id, key=keys.reader, url=guarded.pages)
        assert (read.code, read.output != "") == (0, True), read.errors
    flags = ["--sessions", "1", "--duration", "10", "--ramp", "0"]
    load = run("loadtest", *flags, key=keys.caller, url=url)
    assert (load.code, "1 finished, 0 failed" in load.output) == (0, True), load.errors


@pytest.mark.parametrize("kind", ["unknown", "revoked", "expired", "missing"])
def test_a_key_that_does_not_count_is_one_sentence(guarded: Guarded, spoken: str, kind: str):
    sentences = {
        "unknown": "this server knows no such key (unknown_key)",
        "revoked": "the key was revoked (revoked_key)",
        "expired": "the key has expired (expired_key)",
        "missing": "this server needs an API key: Authorization: Bearer KEY (missing_key)",
    }
    key = "" if kind == "missing" else getattr(guarded.keys, kind)
    commands = {
        "transcribe": [spoken],
        "loadtest": ["--sessions", "1", "--duration", "10", "--ramp", "0"],
        "watch": ["a call"],
        "trace": ["a call"],
    }
    for name, arguments in commands.items():
        url = guarded.pages if name in ("watch", "trace") else guarded.stack.url
        done = run(name, *arguments, key=key, url=url)
        assert (done.code, done.errors) == (1, f"callscribe {name}: {sentences[kind]}\n")


def test_a_key_without_the_scope_is_told_which_it_needs(guarded: Guarded, spoken: str):
    keys = guarded.keys
    calls = run("transcribe", spoken, key=keys.reader, url=guarded.stack.url)
    reads = run("watch", key=keys.caller, url=guarded.pages)
    assert (calls.code, reads.code) == (1, 1)
    sentence = "callscribe {}: this needs a key with the scope {} (scope)\n"
    assert calls.errors == sentence.format("transcribe", "transcribe")
    assert reads.errors == sentence.format("watch", "read")


def test_what_is_listened_to_goes_with_the_key(guarded: Guarded, tmp_path: Path):
    soundcard.needed()
    speech = pcm16(said(sentence(), 0.5))
    command = [sys.executable, "-m", "callscribe", "listen", "--url", guarded.stack.url]
    with soundcard.soundcard(tmp_path, speech, block=3_200, seconds=0.1) as env:
        for key, told in {guarded.keys.caller: "", guarded.keys.unknown: "unknown_key"}.items():
            pipe = subprocess.PIPE
            heard = subprocess.Popen(
                [*command, "--format", "jsonl"],
                stdout=pipe,
                stderr=pipe,
                text=True,
                env={**env, API_KEY: key},
            )
            try:
                assert heard.stdout is not None
                first = heard.stdout.readline()
                assert (first == "") is bool(told)
                heard.send_signal(signal.SIGINT)
                _, errors = heard.communicate(timeout=60)
                assert heard.returncode == (1 if told else 0)
                assert told in errors
            finally:
                heard.kill()
                heard.wait()


@pytest.mark.parametrize("kind", ["key", "token", "expired token"])
async def test_a_call_resumes_with_what_opened_it(guarded: Guarded, kind: str):
    """A token resumes its call even after its expiry, and opens no other."""
    shown = guarded.keys.caller if kind == "key" else token(guarded, guarded.keys.caller, 2)
    proxy = Proxy([guarded.stack.port])
    await proxy.start()
    url = f"ws://127.0.0.1:{proxy.port}/ws/asr"
    try:
        async with connect(url, OPTIONS, api_key=shown) as call:
            if kind == "expired token":
                await refused_as(url, shown, "expired_token")
            elif kind == "token":
                await refused_as(url, shown, "spent_token", "expired_token")
            while not proxy.cut(1.0):
                await asyncio.sleep(0.01)
            assert isinstance(await anext(call), Resumed)
            for part in split(pcm16(sentence()), 3_200):
                await call.send(part)
            await call.finalize()
            finals = [event async for event in call if isinstance(event, Final)]
    finally:
        await proxy.stop()
    assert any(each.text for each in finals)


async def refused_as(url: str, shown: str, *codes: str) -> None:
    """Wait until a new call is refused with the first of these codes; before that, with others."""
    wanted = codes[0]
    async with asyncio.timeout(10):
        while True:
            with pytest.raises(ServerError) as denied:
                async with connect(url, OPTIONS, api_key=shown):
                    pass
            if denied.value.code == wanted:
                return
            assert denied.value.code in ("spent_token", "expired_token")
            await asyncio.sleep(0.1)


async def test_a_call_ends_when_its_key_is_revoked(guarded: Guarded):
    async with connect(guarded.stack.url, OPTIONS, api_key=guarded.keys.doomed) as call:
        guarded.keys.revoke(guarded.keys.doomed)
        with pytest.raises(ServerError) as ended:
            async for _ in call:
                pass
    assert ended.value.code == "revoked_key"
