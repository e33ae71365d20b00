import json
from pathlib import Path

import pytest

from callscribe.client.messages import Error, Final
from callscribe.commands.outputs import OutputError, destinations, written
from common.errors import SettingsError

FINAL = Final(channel=0, seq=1, utterance=1, start=0.0, end=1.0, text="hello")
BROKEN = Error(code="utterance_failed", message="sorry")
ONE, TWO = Path("one.wav"), Path("two.mp3")


def test_a_directory_gets_a_file_for_each(tmp_path):
    assert destinations([ONE, TWO], "txt", tmp_path) == [
        tmp_path / "one.txt",
        tmp_path / "two.txt",
    ]
    assert destinations([ONE], "srt", tmp_path) == [tmp_path / "one.srt"]
    assert destinations([ONE], "vtt", tmp_path / "new") == [tmp_path / "new"]
    assert destinations([ONE, TWO], "jsonl", None) == [None, None]


@pytest.mark.parametrize(
    ("sources", "form", "output", "line"),
    [
        ([ONE, TWO], "json", None, "--format json: several files need --output DIRECTORY"),
        ([ONE, TWO], "txt", "a.txt", "--output: several files need a directory, a.txt is none"),
        ([ONE], "txt", "/nope/a.txt", "--output: there is no directory /nope"),
        ([ONE, Path("a/one.mp3")], "srt", ".", "one.wav and a/one.mp3 would both be one.srt"),
        ([Path("one.txt")], "txt", ".", "one.txt is what is to be transcribed"),
        ([ONE, Path("one.txt")], "txt", ".", "one.txt is what is to be transcribed"),
        ([ONE], "txt", "one.wav", "one.wav is what is to be transcribed"),
    ],
)
def test_misuse_is_said(sources, form, output, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        destinations(sources, form, None if output is None else Path(output))
    assert line in str(caught.value)


def show(form, path):
    """Write a call with one final and one error; return what was written and what was told."""
    texts: list[str] = []
    told: list[str] = []
    with written(form, path, texts.append, told.append) as sheet:
        sheet.begin("s1", ("speaker",), {"file": "one.wav"}, None)
        for event in (FINAL, BROKEN):
            sheet.show("s1", event, {})
        as_it_goes_on = path.read_text() if path is not None and path.is_file() else None
        sheet.end("s1", complete=True)
    return texts, told, as_it_goes_on


@pytest.mark.parametrize("form", ["text", "jsonl", "json", "srt", "vtt"])
def test_a_file_and_stdout_get_the_same(form, tmp_path):
    path = tmp_path / "there"
    nothing, told, as_it_goes_on = show(form, path)
    assert nothing == []
    assert told == ([] if form == "jsonl" else ["server: sorry (utterance_failed)"])
    assert (as_it_goes_on is None) is (form in ("json", "srt", "vtt"))
    (text,), again, _ = show(form, None)
    assert text == path.read_text()
    assert "hello" in text
    assert again == told


def test_lines_reach_the_file_while_the_call_goes_on(tmp_path):
    _, _, as_it_goes_on = show("text", tmp_path / "there")
    assert as_it_goes_on == "[   0.00 -   1.00] speaker: hello\n"


def test_json_says_that_an_utterance_is_missing(tmp_path):
    (text,), _, _ = show("json", None)
    assert json.loads(text)["complete"] is False


@pytest.mark.parametrize("form", ["text", "jsonl", "srt"])
def test_a_file_that_cannot_be_written_is_named(form):
    with pytest.raises(OutputError, match=r"^/dev/full: no space left on device$"):
        show(form, Path("/dev/full"))


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(OutputError, match="is a directory"):
        show("txt", tmp_path)
