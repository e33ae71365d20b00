"""A leg's memory as a row of numbers."""

import numpy as np

from denoise_worker.filtering import Memories
from denoise_worker.memory_layout import SIZE, fresh_row

COMPLEX = ("lower", "upper")
PARTS = (
    *("heard", "overlap", "level_means", "magnitude_means", "bands", "bins", *COMPLEX),
    *("encoder", "gains_1", "gains_2", "coefficients_1", "coefficients_2", "pending"),
)


def test_parts_cover_a_row_once_and_are_views_of_it():
    rows = np.zeros((2, SIZE), np.float32)
    parts = Memories(rows)
    for name in PARTS:
        parts[name][:] += 1
    assert (rows == 1).all()


def test_complex_parts_and_the_networks_are_views_too():
    rows = np.zeros((2, SIZE), np.float32)
    parts = Memories(rows)
    for name in COMPLEX:
        parts.spectra(name)[:] = 1 + 1j
    network = parts.network()
    for each in (network.encoder, *network.gains, *network.coefficients, network.pending):
        each[:] = 1
    written = sum(parts[name].size for name in (*COMPLEX, *PARTS[8:]))
    assert np.count_nonzero(rows) == written


def test_a_fresh_leg_begins_as_the_official_runtime_does():
    parts = Memories(fresh_row()[None])
    assert (parts["level_means"][0, 0], parts["level_means"][0, -1]) == (-60, -90)
    means = parts["magnitude_means"][0]
    np.testing.assert_allclose([means[0], means[-1]], [1e-3, 1e-4], rtol=1e-5)
    assert not any(parts[name].any() for name in PARTS if "means" not in name)


def test_a_row_stays_below_32_kb():
    assert fresh_row().nbytes == 4 * SIZE < 32_000
