import asyncio
import importlib.util
import resource
import signal
import sys

import pytest

from callscribe.cli import main
from callscribe.loadtest import command


@pytest.fixture(autouse=True)
def other_tests_keep_their_garbage_collector(monkeypatch):
    monkeypatch.setattr(command, "settle_memory", lambda: None)


def test_it_has_help(capsys):
    assert main(["loadtest", "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: callscribe loadtest" in text
    for flag in ("--sessions", "--call-length", "--mulaw", "--stereo", "--ramp", "--plot"):
        assert flag in text


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--sessions", "0"], "--sessions: 0 is not from 1 to 20000"),
        (["--sessions", "many"], "--sessions: invalid int value: 'many'"),
        (["--duration", "1"], "--duration: 1 is not from 10 to 604800"),
        (["--duration", "nan"], "--duration: nan is not from"),
        (["--ramp", "58"], "--ramp: 58 is not from 0 to 55"),
        (["--ramp", "-1"], "--ramp: -1 is not from 0 to 55"),
        (["--frame-ms", "5"], "--frame-ms: 5 is not from 10 to 1000"),
        (["--call-length", "3"], "--call-length: 3 is neither 0 nor at least 10"),
        (["--call-length", "nan"], "--call-length: nan is neither 0 nor at least 10"),
        (["--url", "http://here"], "http://here is no ws:// or wss:// URL"),
        (["--url", "ws://h:99999/"], "ws://h:99999/ is no ws:// or wss:// URL"),
        (["--url", "ws://[::1/"], "ws://[::1/ is no ws:// or wss:// URL"),
        (["--url", "ws://here", "--fingerprint", "ab" * 32], "--fingerprint: ws://here has no TLS"),
        (["--json", "/nonexistent/a.json"], "--json: there is no folder /nonexistent"),
        (["--json", "/tmp"], "--json: /tmp cannot be used: "),
        (["--plot", "/nonexistent/a.png"], "--plot: there is no folder /nonexistent"),
        (["--plot", "a.docx"], "--plot: a.docx ends in none of .png, .svg, .pdf"),
        (["--loud"], "unrecognized arguments: --loud"),
    ],
)
def test_misuse_is_one_clear_line(argv, line, capsys):
    assert main(["loadtest", *argv]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(f"callscribe loadtest: {line}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(("argv", "missing"), [([], "jiwer"), (["--plot", "a.png"], "matplotlib")])
def test_a_missing_library_is_named_with_the_cure(argv, missing, monkeypatch, capsys):
    def find_spec(name):
        return None if name == missing else importlib.util.find_spec(name)

    monkeypatch.setattr(command, "find_spec", find_spec)
    assert main(["loadtest", *argv]) == 2
    cure = f"callscribe loadtest: {missing} is missing: pip install 'callscribe[loadtest]'\n"
    assert capsys.readouterr().err == cure


def test_more_calls_than_files_may_be_open(monkeypatch, capsys):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 200))
    assert main(["loadtest", "--sessions", "180"]) == 2
    assert "--sessions: 244 open files are needed, ulimit -Hn is 200" in capsys.readouterr().err


def test_a_server_that_cannot_be_reached_is_one_line(capsys):
    assert main(["loadtest", "--url", "ws://127.0.0.1:1/ws/asr", "--sessions", "3"]) == 1
    output, errors = capsys.readouterr()
    assert output.startswith("3 calls to ws://127.0.0.1:1/ws/asr for 60 s: 16 kHz PCM, one channel")
    assert errors.startswith("callscribe loadtest: cannot reach ws://127.0.0.1:1/ws/asr")
    assert errors.count("\n") == 1


def test_a_file_that_is_no_audio_is_one_line(tmp_path, capsys):
    assert main(["loadtest", "--audio", str(tmp_path / "a.wav")]) == 2
    assert capsys.readouterr().err.endswith("a.wav: no such file\n")


def test_the_title_keeps_secrets(capsys):
    url = "ws://me:secret@127.0.0.1:1/ws/asr?key=secret"
    other = "ws://127.0.0.1:2/ws/asr"
    flags = ["--mulaw", "--stereo", "--call-length", "30"]
    main(["loadtest", "--url", url, "--url", other, *flags])
    output = capsys.readouterr().out
    assert "calls to ws://127.0.0.1:1/ws/asr and ws://127.0.0.1:2/ws/asr for 60 s" in output
    assert "secret" not in output
    assert "30 s each on average: 8 kHz mu-law, two channels, messages of 20 ms" in output


async def test_the_second_interrupt_leaves_at_once(serving):
    heard, asked = asyncio.Event(), asyncio.Event()

    async def never_end(peer):
        await peer.accept()
        await peer.until_audio(1)
        heard.set()
        await peer.until("finalize")
        asked.set()
        await peer.connection.wait_closed()

    async with serving(never_end) as url:
        command = ("-m", "callscribe", "loadtest", "--url", url, "--sessions", "1")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=pipe, stderr=pipe
        )
        try:
            await heard.wait()
            process.send_signal(signal.SIGINT)
            await asked.wait()
            process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 130
    assert b"Traceback" not in errors
