"""What a leg's memory holds: one row of float32, the same for every backend.

So a batch is a stack of rows, and a checkpoint is a row's bytes. Its initial values are those of
the official runtime (libDF, `tract.rs`).
"""

from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from common.audio import FloatArray
from denoise_worker import spectrum
from denoise_worker.alignment import HOP
from denoise_worker.weights import BANDS, BINS, HIDDEN, ORDER, PENDING, REACH

UPPER = spectrum.SPECTRUM - BINS
LOOKAHEAD = 2
_SHAPES = {
    "heard": (HOP,),  # samples of the hop before
    "overlap": (HOP,),  # second half of the last synthesis
    "level_means": (BANDS,),
    "magnitude_means": (BINS,),
    "bands": (REACH - 1, BANDS),
    "bins": (REACH - 1, BINS, 2),
    "lower": (ORDER - 1, BINS, 2),  # spectra of earlier hops, oldest first: the bins to deep-filter
    "upper": (LOOKAHEAD, UPPER, 2),  # and the bins above
    "encoder": (HIDDEN,),
    "gains_1": (HIDDEN,),
    "gains_2": (HIDDEN,),
    "coefficients_1": (HIDDEN,),
    "coefficients_2": (HIDDEN,),
    "pending": PENDING,
}
_ENDS = list(accumulate(prod(shape) for shape in _SHAPES.values()))
SIZE = _ENDS[-1]
"""float32 in a row."""


def parts(rows: Any) -> dict[str, Any]:
    """Return the parts of rows [n, SIZE or more] by name, [n, ...]; all are views.

    The rows are an array of numpy, or a tensor of torch.
    """
    ends = zip(_SHAPES.items(), [0, *_ENDS], _ENDS, strict=False)
    return {
        name: rows[:, start:end].reshape(len(rows), *shape) for (name, shape), start, end in ends
    }


def fresh_row() -> FloatArray:
    """Return the memory of a leg that has heard nothing."""
    row = np.zeros(SIZE, np.float32)
    named = parts(row[None])
    named["level_means"][:] = spectrum.FIRST_LEVELS
    named["magnitude_means"][:] = spectrum.FIRST_MAGNITUDES
    return row
