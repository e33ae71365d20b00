"""Any chunking of the same audio gives the same frames."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import FloatArray, float_to_pcm16, pcm16_to_float
from common.errors import Misuse
from common.pipeline.record import Message, pack
from common.pipeline.speech import Gap
from vad_worker.framing import FRAME, Framer, FramerState, energies

AUDIO = (np.arange(1, 4001) % 32768).astype("<i2").tobytes()


def piece(start: int, end: int) -> bytes:
    return AUDIO[2 * start : 2 * end]


def run(framer: Framer, spans: list[tuple[int, int]]) -> tuple[list[Gap], list[tuple[int, bytes]]]:
    """Push the spans; return the gaps and every frame with its position, as PCM16."""
    gaps, frames = [], []
    for start, end in spans:
        got = framer.push(start, piece(start, end))
        if got.gap is not None:
            gaps.append(got.gap)
        for i, frame in enumerate(pcm16_to_float(got.pcm).reshape(-1, FRAME)):
            frames.append((got.start + i * FRAME, float_to_pcm16(frame)))
    return gaps, frames


@given(cuts=st.lists(st.integers(0, 4000)), saved=st.integers(0, 5))
def test_any_chunking_and_any_restart_gives_the_same_frames(cuts: list[int], saved: int) -> None:
    edges = sorted({0, 4000, *cuts})
    spans = list(pairwise(edges))
    first = Framer()
    _, before = run(first, spans[:saved])
    state = Message(FramerState).unpack(pack(first.snapshot()))
    second = Framer.restore(state)
    gaps, after = run(second, spans[saved:])
    assert gaps == []
    assert second.position == 4000
    assert before + after == [
        (n * FRAME, piece(n * FRAME, (n + 1) * FRAME)) for n in range(4000 // FRAME)
    ]


@given(back=st.lists(st.integers(0, 900), min_size=1, max_size=12))
def test_what_is_sent_again_is_dropped(back: list[int]) -> None:
    spans, end = [], 0
    for overlap in back:
        spans.append((max(0, end - overlap), min(4000, end + 400)))
        end = spans[-1][1]
    framer = Framer()
    gaps, frames = run(framer, spans)
    assert gaps == []
    assert framer.position == end
    assert frames == [(n * FRAME, piece(n * FRAME, (n + 1) * FRAME)) for n in range(end // FRAME)]


def test_audio_wholly_heard_before_changes_nothing() -> None:
    framer = Framer()
    run(framer, [(0, 1000)])
    assert run(framer, [(100, 900), (1000, 1000)]) == ([], [])
    assert framer.position == 1000


def test_a_gap_is_reported_and_starts_a_new_grid() -> None:
    framer = Framer()
    gaps, frames = run(framer, [(0, 700), (1000, 2600)])
    assert gaps == [Gap(700, 1000)]
    assert [start for start, _ in frames] == [0, 1000, 1512, 2024]
    assert frames[1][1] == piece(1000, 1512)
    assert framer.position == 2600


def test_an_empty_chunk_later_than_expected_is_a_gap() -> None:
    framer = Framer(512)
    assert framer.push(900, b"").gap == Gap(512, 900)
    assert framer.position == 900
    assert framer.push(900, b"").gap is None


def test_half_a_sample_is_misuse() -> None:
    with pytest.raises(Misuse, match="3 bytes"):
        Framer().push(0, b"abc")


def test_energy_is_the_mean_square_of_each_frame() -> None:
    samples: FloatArray = pcm16_to_float(piece(0, 2 * FRAME))
    expected = [np.mean(samples[:FRAME] ** 2), np.mean(samples[FRAME:] ** 2)]
    assert energies(samples) == pytest.approx(expected)
    assert len(energies(samples[:0])) == 0
