"""Captions as players read them."""

import io
import re
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transcripts.captions import Caption, one_line, srt, vtt

HELLO = Caption(0.5, 1.25, "Hello there.")
LONG = "one two three four five six seven eight nine ten " * 4


def test_a_short_caption_is_one_cue():
    assert srt([HELLO]) == "1\n00:00:00,500 --> 00:00:01,250\nHello there.\n\n"
    assert vtt([HELLO]) == "WEBVTT\n\n00:00:00.500 --> 00:00:01.250\nHello there.\n\n"


def test_without_speech_there_is_no_cue():
    assert srt([]) == ""
    assert srt([Caption(1, 2, "")]) == ""
    assert vtt([]) == "WEBVTT\n\n"


def test_hours_are_counted():
    assert "27:46:39,999 --> 27:46:40,000" in srt([Caption(99_999.999, 100_000, "late")])


def test_a_cue_lasts_at_least_a_millisecond():
    assert "00:00:02,000 --> 00:00:02,001" in srt([Caption(2, 2, "now")])


def test_captions_come_in_the_order_of_their_starts():
    said = srt([Caption(3, 4, "second", "agent"), Caption(1, 2, "first", "caller")])
    assert re.findall(r"(\w+): (\w+)", said) == [("caller", "first"), ("agent", "second")]
    assert [*map(int, re.findall(r"^(\d+)$", said, re.MULTILINE))] == [1, 2]


def test_a_voice_is_tagged_and_markup_is_text():
    said = vtt([Caption(0, 1, "a <b> & --> c", "the\n<agent>")])
    assert "\n<v the &lt;agent&gt;>a &lt;b&gt; &amp; --&gt; c\n" in said


def test_no_text_of_a_subrip_file_looks_like_a_time():
    assert "a -> c" in srt([Caption(0, 1, "a --> c")])
    assert "b->: a" in srt([Caption(0, 1, "a", "b-->")])


@given(st.text())
def test_a_label_is_one_printable_line(label):
    assert one_line(label).isprintable()


def test_a_label_keeps_what_is_printable():
    assert one_line("the agent") == "the agent"
    assert one_line("the\n agent\u2028:\x1b[2J\x9b\u202e") == "the agent :\ufffd[2J\ufffd\ufffd"


def spans(file: str) -> list[tuple[float, float]]:
    times = re.findall(r"(\d+):(\d+):(\d+),(\d+)", file)
    at = [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in times]
    return [*zip(at[::2], at[1::2], strict=True)]


def test_a_long_caption_is_split_without_losing_a_word():
    said = srt([Caption(10, 30, LONG)])
    lines = [line for line in said.splitlines() if line and line[0].isalpha()]
    assert max(map(len, lines)) <= 42
    assert " ".join(lines).split() == LONG.split()
    found = spans(said)
    assert (found[0][0], found[-1][1]) == (10, 30)
    assert all(a[1] == b[0] for a, b in pairwise(found))


def test_a_long_caption_is_split_where_its_words_are():
    words = [(100.0 + n, 100.5 + n) for n in range(40)]
    found = spans(srt([Caption(100, 140, LONG, words=words)]))
    assert found[0][0] == 100
    assert found[-1][1] == 139.5
    assert all(b[0] - a[1] == pytest.approx(0.5) for a, b in pairwise(found))


def test_text_without_spaces_is_split_by_its_length():
    found = spans(srt([Caption(0, 10, "字" * 168, words=[(0, 1)])]))
    assert found == [(0, 5), (5, 10)]


@pytest.mark.parametrize("form", [srt, vtt])
def test_ffmpeg_reads_the_same_times(form):
    captions = [HELLO, Caption(2, 3, "Good & bye.", "agent"), Caption(60, 90, LONG)]
    file = io.BytesIO(form(captions).encode())
    name = {srt: "srt", vtt: "webvtt"}[form]
    with av.open(file, "r", format=name) as container:
        found = [(p.pts or 0, p.duration or 0) for p in container.demux() if p.size]
    assert found[:2] == [(500, 750), (2000, 1000)]
    assert sum(found[-1]) == 90_000


@pytest.mark.parametrize("label", ["", "agent", "a customer in the queue"])
def test_a_label_is_counted_in_the_columns(label):
    text = " ".join(["several words of a long utterance"] * 6)
    lines = srt([Caption(0, 20, text, label)]).splitlines()
    shown = [each for each in lines if each and not each.isdigit() and "-->" not in each]
    assert max(map(len, shown)) <= 42
    assert " ".join(each.removeprefix(f"{label}: ") for each in shown) == text
