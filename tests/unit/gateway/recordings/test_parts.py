"""Parts of a leg's audio are the same however it came, and mean nothing without their key."""

import os
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from common.bus.wire import Chunk
from gateway.recordings.parts import Seal, cut

PCM = b"".join((1 + number).to_bytes(2, "little") for number in range(1000))


def chunk(start: int, end: int) -> Chunk:
    return Chunk(end, PCM[2 * start : 2 * end])


@given(st.sets(st.integers(1, 999)), st.integers(0, 1000), st.integers(0, 1000))
def test_any_chunking_gives_the_same(cuts, one, other):
    start, end = sorted((one, other))
    chunks = [chunk(*each) for each in pairwise([0, *sorted(cuts), 1000])]
    assert (cut(chunks, start, end) or b"") == PCM[2 * start : 2 * end]


def test_what_is_missing_is_silence_and_what_comes_twice_is_there_once():
    chunks = [chunk(0, 10), chunk(20, 30), chunk(25, 35)]
    expected = PCM[:20] + bytes(20) + PCM[40:70] + bytes(10)
    assert cut(chunks, 0, 40) == expected
    assert cut(chunks, 10, 20) is None
    assert cut([Chunk(0, b"")], 0, 40) is None


def test_a_part_is_read_with_its_key_and_in_its_place():
    seal = Seal(os.urandom(32))
    sealed = seal.close(PCM, 1, 7)
    assert PCM[:16] not in sealed
    assert seal.close(PCM, 1, 7) == sealed
    assert seal.open(sealed, 1, 7) == PCM
    assert seal.open(sealed, 0, 7) is seal.open(sealed, 1, 8) is None
    assert Seal(os.urandom(32)).open(sealed, 1, 7) is None
