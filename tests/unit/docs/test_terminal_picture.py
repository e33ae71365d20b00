"""The recording of a terminal becomes a picture of what the terminal showed, and when."""

import re
from xml.etree import ElementTree

import pytest

from docs.terminal_picture import Recording, Screen, lives, read, svg, written

DIM, RESET = "\x1b[2m", "\x1b[0m"
UP_AND_CLEAR = "\x1b[1A\r\x1b[J"


def shown(screen: Screen) -> list[str]:
    return ["".join(character for character, _ in row) for row in screen.rows]


def test_text_stands_where_the_terminal_shows_it():
    screen = Screen(20)
    screen.write("first\r\nsecond\r\n")
    screen.write(f"{UP_AND_CLEAR}other\r\n")
    assert shown(screen) == ["first", "other", ""]


def test_a_line_that_is_too_long_goes_on_in_the_next_row():
    screen = Screen(4)
    screen.write("abcdefghij\r\nk")
    assert shown(screen) == ["abcd", "efgh", "ij", "k"]


def test_a_colour_holds_until_it_is_reset():
    screen = Screen(20)
    screen.write(f"a{DIM}b{RESET}c")
    assert screen.rows == [[("a", ""), ("b", "d"), ("c", "")]]


def test_what_the_terminal_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="unknown sequence"):
        Screen(20).write("a\x1b[5mb")


PARTS = [(0.0, "$ go\r\n"), (1.0, "hal\r\n"), (2.5, f"{UP_AND_CLEAR}hallo\r\n")]


def test_a_row_is_there_until_another_takes_its_place():
    rows = lives(Recording(20, 5, PARTS))
    told = [("".join(c for c, _ in each.row), each.since, each.until) for each in rows]
    assert told == [("$ go", 0.0, None), ("hal", 1.0, 2.5), ("hallo", 2.5, None)]


def test_a_recording_is_read_as_it_was_written():
    recording = Recording(20, 5, [(0.0, "é\r\n"), (1.25, "\x1b[36mb")])
    assert read(written(recording)) == recording
    with pytest.raises(ValueError, match="version 3"):
        read('{"version": 3}')


def test_the_picture_is_markup_that_shows_the_end_where_nothing_moves():
    picture = svg(Recording(20, 5, [*PARTS, (3.0, "<b> & c")]), "A & B")
    root = ElementTree.fromstring(picture)
    texts = {
        "".join(each.itertext()): each.get("class") for each in root.iter() if "y" in each.attrib
    }
    assert texts == {"$ go": "k", "hal": "t", "hallo": "k", "<b> & c": "k"}
    assert re.search(r"\.t\{visibility:hidden", picture)
    assert "prefers-reduced-motion" in picture
