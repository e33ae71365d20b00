import numpy as np
import pytest

from asr_worker.recording import Recording
from common.audio import float_to_pcm16


def test_what_was_appended_comes_back_while_it_grows():
    rng = np.random.default_rng(1)
    recording = Recording()
    pieces = [rng.integers(-32768, 32768, n, dtype=np.int16) for n in (0, 1, 511, 16000, 70000)]
    views = []
    for piece in pieces:
        recording.append(piece.tobytes())
        views.append(recording.until(10**9))
    whole = np.concatenate(pieces)
    for view in views:
        assert float_to_pcm16(view) == whole[: len(view)].tobytes()
    assert len(views[-1]) == len(whole)


def test_a_view_ends_where_asked_and_cannot_be_written():
    recording = Recording()
    recording.append(bytes(200))
    view = recording.until(40)
    assert view.shape == (40,)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0
