import asyncio
import io

import pytest

from callscribe.commands import progress
from callscribe.commands.progress import Progress
from tests.unit.callscribe.commands.test_render import Terminal

TERM = {"TERM": "xterm"}


def parts(rows):
    return [(row.split()[0], row.split()[-1]) for row in rows]


def test_a_terminal_shows_a_row_for_each_file_that_is_running():
    out = Terminal()
    shown = Progress(out, TERM, 3)
    with shown.file("a.wav", 10.0) as first:
        first.sent = 4.0
        with shown.file("b.wav", 8.0):
            assert parts(out.screen()) == [("40", "a.wav"), ("0", "b.wav")]
            with shown.hidden():
                assert out.screen() == []
                out.write("said\n")
            assert out.screen()[0] == "said"
            assert parts(out.screen()[1:]) == [("40", "a.wav"), ("0", "b.wav")]
        assert out.screen()[1].startswith("[1/3]   0 %")
    assert parts(out.screen()[2:]) == [("[2/3]", "a.wav")]


def test_a_pipe_gets_a_line_when_a_file_has_ended():
    out = io.StringIO()
    shown = Progress(out, TERM, 2)
    with shown.file("a\x1b.wav", 2.0) as track:
        track.sent = 2.0
        assert out.getvalue() == ""
    line = out.getvalue()
    assert line.startswith("[1/2] 100 %  2.0 of 2.0 s  ")
    assert line.endswith(" x real time  a .wav\n")


def test_a_file_that_does_not_tell_how_long_it_is_shows_how_far_it_was_read():
    out = io.StringIO()
    with Progress(out, TERM, 2).file("a.webm", 0.0) as track:
        track.sent = 2.0
    assert out.getvalue().startswith("[1/2]   ? %  2.0 s  ")


def test_a_single_file_needs_no_such_line():
    out = io.StringIO()
    with Progress(out, TERM, 1).file("a.wav", 2.0):
        pass
    assert out.getvalue() == ""


def test_nothing_is_shown_where_the_transcript_is():
    shown = Progress(None, TERM, 2)
    with shown.file("a.wav", 2.0), shown.hidden():
        pass


@pytest.mark.parametrize("out", [Terminal, io.StringIO])
async def test_it_is_kept_up_to_date_until_the_end(out, monkeypatch):
    monkeypatch.setattr(progress, "_REWRITE_S", 0.001)
    monkeypatch.setattr(progress, "_LINE_S", 0.001)
    stream = out()
    shown = Progress(stream, TERM, 1)
    with shown.shown(), shown.file("a.wav", 2.0) as track:
        track.sent = 1.0
        while " 50 %" not in stream.getvalue():
            await asyncio.sleep(0.001)
    if out is Terminal:
        assert stream.screen() == []
