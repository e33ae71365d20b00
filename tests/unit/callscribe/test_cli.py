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

from callscribe import __version__
from callscribe.cli import main


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
        "certificate",
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
        (["transcribe", "a.wav", "--jobs", "0"], "callscribe transcribe: --jobs: 0 is not from 1"),
        (["transcribe", "a.wav", "--chunk-ms", "5"], "callscribe transcribe: --chunk-ms: 5 is not"),
        (["transcribe", "a.wav", "--channel", "left"], "callscribe transcribe: --channel: 'left'"),
        (["transcribe", "a.wav", "--format", "doc"], "callscribe transcribe: --format: invalid"),
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


@pytest.mark.parametrize(
    "flags", [[], ["--format", "jsonl"], ["--format", "json"], ["--jobs", "2"]]
)
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
