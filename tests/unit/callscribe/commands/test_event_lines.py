from dataclasses import replace

import pytest

from callscribe.client.messages import Dtmf, Final, Gap, Keyword, LineTrouble, Partial, Slot
from callscribe.client.speakers import Respoken, SpeakerRevision
from callscribe.client.turns import TurnOverlap
from callscribe.commands.event_lines import Parties, line_of, printable

SLOT = Slot(
    utterance=1,
    start=1.0,
    end=2.5,
    slot=1,
    expected="digits",
    value="42",
    raw="four two",
    valid=True,
    complete=True,
    is_final=True,
)
OVERLAP = TurnOverlap(
    channel=1,
    turn=2,
    other_channel=0,
    other_turn=1,
    start=1.0,
    end=2.5,
    at=3.0,
    backchannel=False,
    interrupted=True,
)
FINAL = Final(channel=1, seq=1, utterance=1, start=1.0, end=2.5, text="a\x1b[2J")


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (FINAL, "[   1.00 -   2.50] agent: a [2J"),
        (Final(seq=2, utterance=2, start=3.0, end=3.0, text=""), None),
        (Partial(utterance=1, start=1.0, end=2.0, text="a"), None),
        (Gap(start=1.0, end=2.5), "[   1.00 -   2.50] agent: (audio lost)"),
        (replace(FINAL, speaker=2), "[   1.00 -   2.50] agent (speaker 2): a [2J"),
        (
            SpeakerRevision(revision=1, utterances=(Respoken(2, 0, ()), Respoken(4, 1, ()))),
            "agent: (corrected speakers of utterances: 2 by 0, 4 by 1)",
        ),
        (Dtmf(digit="5", at=1.5), "[   1.50 -   1.50] agent: (pressed 5)"),
        (
            LineTrouble(problem="low_level", at=1.5, level=-75.0),
            "[   1.50 -   1.50] agent: (speech too quiet: -75 dBFS)",
        ),
        (SLOT, "[   1.00 -   2.50] agent: (digits: 42)"),
        (replace(SLOT, question="order"), "[   1.00 -   2.50] agent: (order: 42)"),
        (replace(SLOT, is_final=False), None),
        (replace(SLOT, value=""), None),
        (OVERLAP, "[   1.00 -   2.50] agent: (interrupted channel 0)"),
        (replace(OVERLAP, interrupted=False), None),
        (
            Keyword(utterance=1, keyword="Café", text="cafe", offset=3, start=1.0, end=2.5),
            "[   1.00 -   2.50] agent: (keyword Café, said as 'cafe')",
        ),
    ],
)
def test_an_event_is_one_printable_line(event, line):
    assert line_of(event, "agent") == line


def test_a_channel_has_its_label_or_what_the_call_calls_it():
    parties = Parties()
    parties.join("s1", ("agent", "caller"))
    assert parties.name("s1", FINAL) == "caller"
    assert parties.name("s2", FINAL) == "channel 1"
    labelled = Final(channel=1, seq=1, utterance=1, start=0, end=1, text="a", label="nurse\n")
    assert parties.name("s1", labelled) == "nurse "


def test_channels_of_calls_that_go_on_together_have_different_numbers():
    parties = Parties()
    parties.join("s1", ("agent", "caller"))
    parties.join("s2", ("speaker",))
    assert [parties.number("s1", 0), parties.number("s1", 1), parties.number("s2", 0)] == [0, 1, 2]
    parties.leave("s1")
    parties.join("s3", ("speaker",))
    assert [parties.number("s2", 0), parties.number("s3", 0)] == [2, 0]


def test_printable_keeps_the_length():
    assert printable("a\x1b[2Jb\r\n\x9bc\u2028") == "a [2Jb   c "
