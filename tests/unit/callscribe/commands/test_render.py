import io
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.client.messages import Error, Final, Gap, Keyword, Partial, Resumed, SpeechStarted
from callscribe.commands.event_lines import printable
from callscribe.commands.render import JsonLines, Lines, Live, display_for

NAMES = ("agent", "caller")
SPAN: dict[str, Any] = {"utterance": 1, "start": 12.34, "end": 15.1}
FINAL = Final(channel=0, seq=1, text="hello there", **SPAN)
PARTIAL = Partial(channel=0, text="hello th", stable=5, **SPAN)
KEYWORD = Keyword(label="client", keyword="hello", text="Hallo", offset=0, **SPAN)
OTHER = Partial(channel=1, text="yes", **SPAN)


class Terminal(io.StringIO):
    """A terminal that understands what the display uses, and shows its screen."""

    def isatty(self):
        return True

    def screen(self):
        rows, row = [""], 0
        for part in re.findall(r"\x1b\[\??\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+", self.getvalue()):
            if part.endswith("A") and part.startswith("\x1b"):
                row -= int(part[2:-1])
                assert row >= 0
            elif part == "\x1b[J":
                rows[row:] = [""]
            elif part == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif not part.startswith(("\x1b", "\r")):
                rows[row] += part
        return rows[:-1]


@pytest.fixture
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return 80


@pytest.mark.parametrize(
    ("out", "env", "as_json", "kind"),
    [
        (Terminal(), {"TERM": "xterm"}, False, Live),
        (Terminal(), {"TERM": "dumb"}, False, Lines),
        (Terminal(), {}, False, Lines),
        (io.StringIO(), {"TERM": "xterm"}, False, Lines),
        (Terminal(), {"TERM": "xterm"}, True, JsonLines),
    ],
)
def test_the_display_fits_where_it_goes(out, env, as_json, kind):
    assert type(display_for(out, env, as_json=as_json)) is kind


def test_lines_are_finals_and_gaps(capsys):
    out = io.StringIO()
    with Lines(out) as display:
        display.begin("s1", NAMES, {}, None)
        for event in (PARTIAL, FINAL, Gap(channel=1, start=1.0, end=2.5)):
            display.show("s1", event, {})
        display.show("s1", Final(channel=0, seq=2, text="", **SPAN), {})
        display.show("s1", Error(code="utterance_failed", message="no"), {})
        display.begin("s2", ("speaker",), {}, "two.wav")
        display.show("s2", FINAL, {})
        display.show("s2", KEYWORD, {})
        display.summarise({}, "summary")
    assert out.getvalue() == (
        "[  12.34 -  15.10] agent: hello there\n"
        "[   1.00 -   2.50] caller: (audio lost)\n"
        "# two.wav\n"
        "[  12.34 -  15.10] speaker: hello there\n"
        "[  12.34 -  15.10] client: (keyword hello, said as 'Hallo')\n"
    )
    assert capsys.readouterr().err == "server: no (utterance_failed)\nsummary\n"


def test_json_lines_are_every_event_with_its_latencies():
    out = io.StringIO()
    with JsonLines(out) as display:
        display.begin("s1", NAMES, {"file": "a.wav"}, None)
        display.show("s1", PARTIAL, {"partial_lag": 0.12345})
        display.show("s1", SpeechStarted(utterance=1, start=0.0, at=0.5), {})
        display.summarise({"files": 1}, "")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["call", "partial", "speech_started", "summary"]
    assert lines[0]["names"] == list(NAMES)
    assert lines[1]["text"] == "hello th"
    assert lines[1]["latency"] == {"partial_lag": 0.1235}
    assert "latency" not in lines[2]


@pytest.mark.usefixtures("columns")
def test_partials_change_in_place_and_finals_land_above():
    out = Terminal()
    display = Live(out, colour=True)
    with display:
        display.begin("s1", NAMES, {}, None)
        display.show("s1", OTHER, {})
        display.show("s1", Partial(channel=0, text="hel", **SPAN), {})
        display.show("s1", PARTIAL, {})
        assert out.screen() == [
            "[  12.34 -  15.10] agent: hello th",
            "[  12.34 -  15.10] caller: yes",
        ]
        display.show("s1", FINAL, {"endpoint_to_final": 0.0216})
        assert out.screen() == [
            "[  12.34 -  15.10] agent: hello there +22 ms",
            "[  12.34 -  15.10] caller: yes",
        ]
        display.summarise({}, "a\nb")
    assert out.screen() == ["[  12.34 -  15.10] agent: hello there +22 ms", "a", "b"]


@pytest.mark.usefixtures("columns")
def test_a_late_final_leaves_the_next_utterances_partial():
    out = Terminal()
    with Live(out, colour=False) as display:
        display.begin("s1", NAMES, {}, None)
        display.show("s1", Partial(channel=0, utterance=2, start=16.0, end=17.0, text="next"), {})
        display.show("s1", FINAL, {})
        assert out.screen()[-1].endswith("agent: next")


@pytest.mark.usefixtures("columns")
def test_several_calls_are_shown_together():
    out = Terminal()
    with Live(out, colour=False) as display:
        display.begin("s1", NAMES, {}, None)
        display.begin("s2", ("nurse",), {}, None)
        display.show("s2", Partial(channel=0, text="three", **SPAN), {})
        display.show("s1", OTHER, {})
        display.show("s1", PARTIAL, {})
        assert [row.split("] ")[1] for row in out.screen()] == [
            "agent: hello th",
            "caller: yes",
            "nurse: three",
        ]
        display.end("s1", complete=True)
        assert [row.split("] ")[1] for row in out.screen()] == ["nurse: three"]


@pytest.mark.usefixtures("columns")
def test_an_exception_leaves_the_terminal_in_order():
    out = Terminal()
    display = Live(out, colour=True)
    with suppress(RuntimeError), display:
        display.begin("s1", NAMES, {}, None)
        display.show("s1", PARTIAL, {})
        raise RuntimeError
    assert out.screen() == []
    assert out.getvalue().endswith("\x1b[?25h")


@pytest.mark.usefixtures("columns")
def test_no_color_takes_only_the_colours_away():
    out = Terminal()
    with display_for(out, {"TERM": "xterm", "NO_COLOR": "1"}) as display:
        display.begin("s1", NAMES, {}, None)
        display.show("s1", PARTIAL, {})
        display.show("s1", FINAL, {"endpoint_to_final": 0.1})
    assert not re.search(r"\x1b\[[\d;]*m", out.getvalue())
    assert out.screen() == ["[  12.34 -  15.10] agent: hello there +100 ms"]


@given(text=st.text(max_size=200), stable=st.integers(0, 200), width=st.integers(1, 100))
def test_a_partial_never_leaves_its_row(text, stable, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        out = Terminal()
        display = Live(out, colour=True)
        partial = Partial(channel=0, text=text, stable=min(stable, len(text)), **SPAN)
        display.show("s1", partial, {})
    (row,) = out.screen()
    assert len(row) < max(width, 2)


def test_a_long_partial_shows_its_end(columns):
    out = Terminal()
    with Live(out, colour=False) as display:
        display.begin("s1", NAMES, {}, None)
        display.show("s1", Partial(channel=0, text="word " * 40 + "最後", **SPAN), {})
        (row,) = out.screen()
    assert row.startswith("[  12.34 -  15.10] agent: …")
    assert row.endswith("word 最後")
    assert len(row) == columns - 1 - 2


def test_what_could_move_the_cursor_is_not_printed():
    assert printable("a\x1b[2Jb\r\n\x9bc\u2028") == "a [2Jb   c "


RESUMED = Resumed(after_s=1.24, position=12.3)
RESUMED_LINE = "connection lost for 1.2 s; resumed at 12.3 s of audio"


def test_a_resumed_call_is_a_line_but_not_of_the_transcript(columns, capsys):
    out, terminal = io.StringIO(), Terminal()
    Lines(out).show("s1", RESUMED, {})
    assert out.getvalue() == ""
    assert capsys.readouterr().err == f"{RESUMED_LINE}\n"
    with Live(terminal, colour=False) as live:
        live.show("s1", RESUMED, {})
    assert terminal.screen() == [RESUMED_LINE]
    JsonLines(out).show("s1", RESUMED, {})
    assert json.loads(out.getvalue())["type"] == "resumed"
