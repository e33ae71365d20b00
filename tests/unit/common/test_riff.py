import io

import pytest

from common import riff
from tests.unit.common.test_media import chunk, wav

SAMPLES = bytes(range(100))


def in_order(data: bytes, before: bytes = b"") -> bytes | None:
    """Return what a file is put in order to, None if it is left as it is."""
    file = io.BytesIO(before + data)
    file.seek(len(before))
    found = riff.in_order(file, data[:8])
    assert file.tell() == len(before)
    return None if found is file else found.read()


@pytest.mark.parametrize(
    "data",
    [
        wav(chunk(b"data", SAMPLES)),
        wav(chunk(b"data", SAMPLES), chunk(b"LIST", b"INFO")),
        wav(chunk(b"LIST", b"odd\0", size=3), chunk(b"data", SAMPLES)),
        wav(chunk(b"data", SAMPLES, size=0)),
        wav(chunk(b"LIST", b"INFO")),
        b"RIFF\x04\0\0\0WAVE",
        b"OggS" + bytes(99),
        b"",
    ],
)
def test_a_file_that_is_in_order_stays_as_it_is(data):
    assert in_order(data) is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("before", [b"", b"something else"])
def test_chunks_of_samples_are_joined(order, before):
    halves = [chunk(b"data", half, order) for half in (SAMPLES[:40], SAMPLES[40:])]
    data = wav(halves[0], chunk(b"LIST", b"INFO", order), halves[1], order=order)
    assert in_order(data, before) == wav(chunk(b"data", SAMPLES, order), order=order)


def test_what_follows_a_chunk_without_its_pad_is_found():
    data = wav(chunk(b"LIST", b"odd", size=3), chunk(b"data", SAMPLES))
    assert in_order(data) == wav(chunk(b"data", SAMPLES))


def test_samples_that_are_broken_off_are_joined_as_far_as_they_go():
    data = wav(chunk(b"data", SAMPLES[:40]), chunk(b"data", SAMPLES[40:]))
    assert in_order(data[:-10]) == wav(chunk(b"data", SAMPLES[:-10]))


def test_a_file_of_very_many_chunks_is_left_alone():
    many = [chunk(b"data", b"ab")] * 1_000
    assert in_order(wav(*many[:900])) is not None
    assert in_order(wav(*many)) is None


def test_what_was_joined_can_be_read_from_anywhere():
    data = wav(chunk(b"data", SAMPLES[:40]), chunk(b"data", SAMPLES[40:]))
    joined = riff.in_order(io.BytesIO(data), b"RIFF")
    whole = joined.read()
    for at in (0, 3, 43, 44, 80, 90, len(whole)):
        joined.seek(at)
        assert joined.read(7) == whole[at : at + 7]
    assert joined.seek(0, io.SEEK_END) == len(whole)
