"""An utterance's features as the pieces that Qwen3-ASR encodes independently of each other.

The audio encoder attends within blocks of 800 frames (`n_window_infer`). So consecutive 8-second
clips give the same encoding as the whole audio in one item, and a closed clip need not be encoded
again while the utterance grows. Two things could break that equality:

The features have a floor, 8 below the loudest value of the whole utterance (see `features`). When
that value rises, every clip changes, so a clip's key names the floor. Measured on read and
telephone speech growing by 0.5 s to 30 s: the floor touches every window, and 97 % of the partials
need no closed window encoded again for it; to 180 s, 99 %.

The convolutions take chunks of 100 frames. A shorter chunk is padded to the longest chunk of its
batch, and the padding affects the result. So a tail shorter than a chunk would depend on the rest
of the batch; it is joined to the window before it instead. Source:
`Qwen3OmniMoeAudioEncoder.forward`, vllm/model_executor/models/qwen3_omni_moe_thinker.py.
"""

from dataclasses import dataclass

import numpy as np

from asr_worker.qwen.features import Spectrum
from common.audio import FloatArray

_RANGE = np.float32(8.0)
_CHUNK = 100
_TOKENS_PER_CHUNK = 13


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One piece of an utterance; `features()` computes the encoder's input."""

    log_mel: FloatArray
    """float32 [128, 50 to 899]: log10 mel power, before the floor."""
    floor: float
    """Lower values are raised to this."""
    key: str | None
    """Clips of one utterance with equal keys have equal features; None: the clip still grows."""

    @property
    def frames(self) -> int:
        """How many frames (10 ms) the clip has."""
        return int(self.log_mel.shape[1])

    def features(self) -> FloatArray:
        """Return the model's input, a new float32 [128, frames]; about 0.1 ms for 8 s."""
        features = np.maximum(self.log_mel, np.float32(self.floor))
        features += np.float32(4.0)
        features /= np.float32(4.0)
        return features


def clips(spectrum: Spectrum) -> tuple[Clip, ...]:
    """Cut into closed windows of 800 frames, then the open tail if any frames are left.

    Never empty. The tail has 100 to 899 frames, or all that a shorter utterance has, 50 at least.
    """
    windows, tail = spectrum.windows, spectrum.tail
    if windows and 0 < tail.shape[1] < _CHUNK:
        tail = np.concatenate((windows[-1].log_mel, tail), axis=1)
        windows = windows[:-1]
    floor = float(np.float32(spectrum.highest) - _RANGE)
    pieces = [
        Clip(window.log_mel, floor, f"{index}@{floor!r}") for index, window in enumerate(windows)
    ]
    if tail.shape[1]:
        pieces.append(Clip(tail, floor, None))
    return tuple(pieces)


def tokens(frames: int) -> int:
    """Return how many embeddings the encoder makes of a clip of `frames` frames, 1 or more.

    13 for each 100 frames; for the rest one in eight, rounded up (three convolutions of stride 2).
    Source: `_get_feat_extract_output_lengths`, vllm/model_executor/models/qwen3_asr.py.
    """
    chunks, rest = divmod(frames, _CHUNK)
    return _TOKENS_PER_CHUNK * chunks + -(-rest // 8)
