import asyncio
import os
import subprocess
import sys
import types
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callscribe import __version__, cli
from callscribe.cli import main


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("CALLSCRIBE_"):
            monkeypatch.delenv(name)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"callscribe {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_and_service(argv, capsys):
    assert main(argv) == 0
    text = capsys.readouterr().out
    for name in (
        "up",
        "demo",
        "transcribe",
        "dead-letters",
        "check-config",
        "gateway",
        "vad",
        "denoise",
        "asr",
        "align",
    ):
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["upp"], "callscribe upp: no such command; there are up, demo, "),
        (["up", "--vda", "2"], "callscribe up: --vda: no such flag; did you mean --vad?"),
        (["up", "--vad", "two"], "callscribe up: --vad: 'two' is not a number of workers"),
        (["up", "--vad", "-1"], "callscribe up: --vad: '-1' is not a number of workers"),
        (["up", "--port", "x"], "callscribe up: --port: 'x' is not a whole number"),
        (["check-config", "--port", "x"], "callscribe check-config: --port: 'x' is not"),
        (["demo", "/nonexistent.wav"], "callscribe demo: there is no file /nonexistent.wav"),
        (["transcribe"], "callscribe transcribe: the following arguments are required: FILE"),
        (["transcribe", "a.wav", "--speed", "fast"], "callscribe transcribe: --speed: invalid"),
        (["transcribe", "a.wav", "--speed", "-1"], "callscribe transcribe: --speed: -1"),
        (["transcribe", "a.wav", "--loud"], "callscribe transcribe: unrecognized arguments"),
        (["dead-letters"], "callscribe dead-letters: the following arguments are required: list|"),
        (["dead-letters", "list", "--stage", "x"], "callscribe dead-letters: --stage: invalid"),
        (["dead-letters", "replay"], "callscribe dead-letters: one of the arguments ID --all"),
        (["dead-letters", "list", "--redis-url", "x"], "callscribe dead-letters: --redis-url: "),
    ],
)
def test_misuse_is_one_clear_line(argv, line, capsys):
    assert main(argv) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(line)
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "demo", "transcribe", "check-config"])
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"usage: callscribe {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], {"url": "ws://127.0.0.1:8000/ws/asr", "resume": True, "words": False}),
        (["--url", "ws://a", "--url", "ws://b", "--no-resume"], {"url": ["ws://a", "ws://b"]}),
        (["--words", "--language", "en", "--context", "x"], {"words": True, "language": "en"}),
    ],
)
def test_flags_of_transcribe(argv, expected, monkeypatch):
    seen = []

    async def run(options):
        seen.append(options)
        return 0

    monkeypatch.setattr("callscribe.transcribe.run", run)
    assert main(["transcribe", "a.wav", *argv]) == 0
    assert {name: getattr(seen[0], name) for name in expected} == expected
    assert seen[0].resume is ("--no-resume" not in argv)


def stand_in(monkeypatch, main_of_it, package="vad_worker"):
    module = types.SimpleNamespace(main=main_of_it)
    monkeypatch.setitem(sys.modules, f"{package}.__main__", module)


@pytest.mark.parametrize(
    ("service", "package"), [("vad", "vad_worker"), ("align", "asr_worker.align")]
)
def test_a_service_runs_its_package(service, package, monkeypatch):
    seen = []

    def main_of_it(argv):
        seen.append(argv)
        return 7

    stand_in(monkeypatch, main_of_it, package)
    assert main([service, "--log-level", "debug"]) == 7
    assert seen == [["--log-level", "debug"]]


def test_a_service_that_is_not_installed_says_what_to_install(monkeypatch, capsys):
    def main_of_it(argv):
        raise ModuleNotFoundError("No module named 'onnxruntime'")

    stand_in(monkeypatch, main_of_it)
    assert main(["vad"]) == 2
    assert capsys.readouterr().err == (
        "callscribe vad: No module named 'onnxruntime'; is callscribe[vad] installed?\n"
    )


def test_check_config_prints_every_value_once_with_its_source(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_REDIS_URL", "redis://me:secret@host/0")
    assert main(["check-config", "--silence-threshold", "1.5"]) == 0
    output = capsys.readouterr().out
    lines = {line.split()[1]: line.split() for line in output.splitlines()}
    assert len(lines) == len(output.splitlines())
    assert lines["silence_threshold"][2:] == ["1.5", "s", "--silence-threshold"]
    assert lines["redis_url"][2:] == ["redis://me:***@host/0", "CALLSCRIBE_REDIS_URL"]
    assert lines["vad_slots"][0] == "vad"
    assert lines["redis_url"][0] == lines["lease_s"][0] == "shared"
    assert lines["vad_slots"][-1] == "default"


def test_check_config_tells_each_problem_once(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_LEASE_S", "0.2")
    monkeypatch.setenv("CALLSCRIBE_PORT", "high")
    assert main(["check-config"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 2
    assert "--heartbeat-s" in errors
    assert "CALLSCRIBE_PORT: 'high'" in errors


def stack_options(argv, env):
    parser = cli._stack_parser("up", "")
    return cli._stack_options(cli._invocation(parser, argv, env))


def test_flags_of_up_become_variables_of_the_services():
    argv = ["--asr", "3", "--silence-threshold", "1", "--generate-self-signed-cert"]
    options = stack_options(argv, {"CALLSCRIBE_SILENCE_THRESHOLD": "2", "HOME": "/root"})
    assert options.counts == {"gateway": 1, "vad": 1, "denoise": 1, "asr": 3, "align": 0}
    assert options.env == {
        "CALLSCRIBE_SILENCE_THRESHOLD": "1",
        "CALLSCRIBE_GENERATE_SELF_SIGNED_CERT": "true",
        "HOME": "/root",
    }


@pytest.mark.parametrize(
    ("argv", "env", "embedded"),
    [
        ([], {}, True),
        (["--redis-url", "redis://other"], {}, False),
        ([], {"CALLSCRIBE_REDIS_URL": "redis://other"}, False),
    ],
)
def test_redis_is_embedded_unless_one_is_named(argv, env, embedded):
    assert stack_options(argv, env).embedded_redis is embedded


@pytest.mark.parametrize("argv", [["--version"], ["transcribe", "--help"]])
def test_light_commands_load_no_heavy_library(argv):
    program = (
        "import sys; from callscribe.cli import main; main(sys.argv[1:]);"
        "sys.exit(str([m for m in ('torch', 'onnxruntime', 'faster_whisper', 'prometheus_client')"
        " if m in sys.modules] or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *argv], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


async def printing_to(out, *argv):
    """Run the command with this stdout, buffered; return its exit code and stderr."""
    program = (sys.executable, "-m", "callscribe", *argv)
    env = {**os.environ, "PYTHONUNBUFFERED": ""}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, stdout=out, stderr=pipe, env=env)
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.fixture
def no_reader():
    """A pipe that nobody reads any more, as behind `head`."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def no_room():
    with Path("/dev/full").open("w") as file:
        yield file


@pytest.fixture
def calling(serving, tmp_path):
    """`async with calling(text) as argv`: of a transcription with this text."""

    @asynccontextmanager
    async def start(text="hello"):
        async def script(peer):
            await peer.accept()
            with suppress(ConnectionError):
                await peer.until("finalize")
                await peer.say("final", channel=0, utterance=1, start=0, end=1, seq=1, text=text)

        soundfile.write(tmp_path / "a.wav", np.zeros(800), 8_000)
        async with serving(script) as url:
            yield "transcribe", str(tmp_path / "a.wav"), "--url", url, "--speed", "0"

    return start


@pytest.mark.parametrize("argv", [["--help"], ["check-config"], ["transcribe", "--help"]])
async def test_a_reader_that_leaves_ends_a_command_quietly(argv, no_reader):
    assert await printing_to(no_reader, *argv) == (1, "")


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize("length", [5, 20_000])
async def test_a_reader_that_leaves_ends_the_call_quietly(flags, length, calling, no_reader):
    async with calling("a" * length) as argv:  # what is longer than buffers is in none of them
        assert await printing_to(no_reader, *argv, *flags) == (1, "")


async def test_a_stdout_that_takes_nothing_is_one_line(calling, no_room):
    line = "stdout: No space left on device\n"
    assert await printing_to(no_room, "check-config") == (1, f"callscribe check-config: {line}")
    async with calling() as argv:
        assert await printing_to(no_room, *argv) == (1, f"callscribe transcribe: {line}")


def test_other_errors_of_the_system_are_not_taken_for_stdouts(monkeypatch):
    def main_of_it(argv):
        raise BrokenPipeError

    stand_in(monkeypatch, main_of_it)
    with pytest.raises(BrokenPipeError):
        main(["vad"])


def test_a_closed_stdout_hinders_only_who_needs_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["check-config"]) == 0
    assert main(["transcribe", __file__]) == 1
    assert capsys.readouterr().err == "callscribe transcribe: stdout is closed\n"
