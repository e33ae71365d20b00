"""Tracks of one call on one clock. A frame is one byte per track; 8 of them are a millisecond."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocols.commands import Audio, Command, Skip
from gateway.protocols.tracks import LEAST_GAP, MOST_BEHIND, Tracks

NOTHING = b"."
PACKET = 160


def piece(letter: str, packets: int = 1) -> bytes:
    return letter.encode() * PACKET * packets


def heard(commands: Sequence[Command], count: int = 2) -> list[str]:
    """Each track as letters, one for each packet; a gap of all tracks is `-`."""
    tracks = [""] * count
    for command in commands:
        match command:
            case Audio(data):
                assert len(data) % (PACKET * count) == 0
                for index in range(count):
                    tracks[index] += data[index::count].decode()[::PACKET]
            case Skip(frames):
                assert frames % PACKET == 0
                tracks = [track + "-" * (frames // PACKET) for track in tracks]
    return tracks


def test_one_track_passes_through():
    one = Tracks(1, NOTHING)
    assert one.push(0, b"abc", 0) == [Audio(b"abc")]
    assert one.push(0, b"de", None) == [Audio(b"de")]
    assert one.flush() == []


def test_a_hole_in_one_track_is_skipped():
    one = Tracks(1, NOTHING)
    one.push(0, piece("a"), 0)
    assert one.push(0, piece("b"), 4 * PACKET) == [Skip(3 * PACKET), Audio(piece("b"))]


def test_the_jitter_of_a_clock_is_no_hole():
    one = Tracks(1, NOTHING)
    said = [one.push(0, piece("a"), at) for at in (40, 199, 361, 520, 600)]
    assert said == [[Audio(piece("a"))]] * 5
    assert one.push(0, piece("b"), 40 + 5 * PACKET + LEAST_GAP) == [
        Skip(LEAST_GAP),
        Audio(piece("b")),
    ]


def test_two_tracks_are_interleaved_once_both_have_come():
    two = Tracks(2, NOTHING)
    assert two.push(0, b"abcd", 0) == []
    assert two.push(1, b"xy", 0) == [Audio(b"axby")]
    assert two.push(1, b"z", 2) == [Audio(b"cz")]
    assert two.flush() == [Audio(b"d.")]


def test_what_one_track_lacks_is_silence_and_what_both_lack_is_skipped():
    two = Tracks(2, NOTHING)
    said = [*two.push(0, piece("a"), 0), *two.push(1, piece("x"), 0)]
    said += two.push(0, piece("b"), 3 * PACKET)
    said += two.push(1, piece("y"), 2 * PACKET)
    said += two.push(1, piece("z"), 3 * PACKET)
    assert heard(said) == ["a-.b", "x-yz"]


def test_nobody_waits_longer_for_a_track_that_is_silent():
    two = Tracks(2, NOTHING)
    packets = MOST_BEHIND // PACKET
    for number in range(packets):
        assert two.push(0, piece("a"), number * PACKET) == []
    said = [*two.push(0, piece("b"), packets * PACKET)]
    assert heard(said) == ["a" * packets + "b", "." * (packets + 1)]
    # From now on it counts as silent, so its silence delays nothing.
    assert heard(two.push(0, piece("c"), (packets + 1) * PACKET)) == ["c", "."]


def test_a_track_that_speaks_again_is_waited_for_and_loses_nothing():
    two = Tracks(2, NOTHING)
    for number in range(20):
        two.push(0, piece("a"), number * PACKET)
    assert two.push(1, piece("x"), 19 * PACKET) == []
    assert heard(two.push(0, piece("b"), 20 * PACKET)) == ["b", "x"]
    assert two.push(0, piece("c"), 21 * PACKET) == []


def test_the_first_piece_begins_at_zero_wherever_it_says():
    two = Tracks(2, NOTHING)
    two.push(0, piece("a"), 50 * PACKET)
    assert heard(two.push(1, piece("x"), 50 * PACKET)) == ["a", "x"]


def test_an_empty_piece_is_none():
    assert Tracks(1, NOTHING).push(0, b"", 99 * PACKET) == []


PIECES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 400), st.none() | st.integers(0, 5_000)),
    max_size=30,
)


@given(PIECES)
def test_nothing_is_lost_or_reordered_and_tracks_stay_in_step(pieces):
    two, sent = Tracks(2, NOTHING), [b"", b""]
    commands: list[Command] = []
    for number, (index, length, at) in enumerate(pieces):
        data = bytes([65 + number % 26]) * length
        sent[index] += data
        commands += two.push(index, data, at)
    commands += two.flush()
    out = b"".join(command.data for command in commands if isinstance(command, Audio))
    assert len(out) % 2 == 0
    assert [out[index::2].replace(NOTHING, b"") for index in (0, 1)] == sent
    assert all(command.frames > 0 for command in commands if isinstance(command, Skip))
    assert two.flush() == []
