from pathlib import Path

import pytest

from callscribe.cli import main
from common.lifecycle import EXIT_MISUSE


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], {"form": "txt", "output": None, "jobs": 1, "chunk_s": 0.1, "channel": None}),
        (["--chunk-ms", "20", "--jobs", "3"], {"chunk_s": 0.02, "jobs": 3}),
        (["--channel", "2"], {"channel": 2}),
        (["--channel", "mix", "--speed", "0"], {"channel": 0, "speed": 0}),
        (["--format", "srt", "--output", "a.srt"], {"form": "srt", "output": Path("a.srt")}),
        (["--no-resume"], {"resume": False}),
    ],
)
def test_flags_of_transcribe(argv, expected, monkeypatch):
    options = asked_for(monkeypatch, *argv)
    assert {name: getattr(options, name) for name in expected} == expected
    assert options.resume is ("--no-resume" not in argv)


def asked_for(monkeypatch, *argv):
    """Return the options of a command line."""
    seen = []

    async def run(options):
        seen.append(options)
        return 0

    monkeypatch.setattr("callscribe.commands.transcription.run", run)
    assert main(["transcribe", "a.wav", *argv]) == 0
    return seen[0]


@pytest.mark.parametrize(
    ("argv", "words", "partials"),
    [
        ([], None, None),
        (["--format", "jsonl"], None, None),
        (["--format", "json"], True, False),
        (["--format", "srt", "--no-words", "--interim-results"], False, True),
    ],
)
def test_a_whole_transcript_wants_words_and_no_partials(argv, words, partials, monkeypatch):
    asked = asked_for(monkeypatch, *argv).asked
    assert (asked.words, asked.interim_results) == (words, partials)


def test_the_server_and_the_options_of_the_call_are_passed_on(monkeypatch):
    options = asked_for(monkeypatch, "--url", "ws://a", "--api-key", "k", "--keyword", "refund")
    assert (options.server.urls, options.server.api_key) == (["ws://a"], "k")
    assert options.asked.keywords == ("refund",)


def test_a_key_that_cannot_be_read_is_misuse(capsys):
    assert main(["transcribe", "a.wav", "--api-key-file", "/nope"]) == EXIT_MISUSE
    assert capsys.readouterr().err.startswith(
        "callscribe transcribe: --api-key-file: /nope cannot be read: "
    )
