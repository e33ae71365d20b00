from pathlib import Path

import pytest

from callscribe.cli import main
from common.lifecycle import EXIT_MISUSE


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

    monkeypatch.setattr("callscribe.commands.transcription.run", run)
    assert main(["transcribe", "a.wav", *argv]) == 0
    assert {name: getattr(seen[0], name) for name in expected} == expected
    assert seen[0].resume is ("--no-resume" not in argv)


@pytest.mark.parametrize(
    ("argv", "variable", "key"),
    [
        ([], None, None),
        ([], "", None),
        ([], "theirs", "theirs"),
        (["--api-key", "mine"], "theirs", "mine"),
        (["--api-key-file", "key"], "theirs", "stored"),
    ],
)
def test_the_key_comes_from_a_flag_a_file_or_the_environment(
    argv, variable, key, monkeypatch, tmp_path
):
    seen = []

    async def run(options):
        seen.append(options.api_key)
        return 0

    monkeypatch.setattr("callscribe.commands.transcription.run", run)
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("stored\n")
    if variable is not None:
        monkeypatch.setenv("CALLSCRIBE_API_KEY", variable)
    assert main(["transcribe", "a.wav", *argv]) == 0
    assert seen == [key]


def test_a_key_that_cannot_be_read_is_misuse(capsys):
    assert main(["transcribe", "a.wav", "--api-key-file", "/nope"]) == EXIT_MISUSE
    assert capsys.readouterr().err.startswith(
        "callscribe transcribe: --api-key-file: /nope cannot be read: "
    )
