"""Rows on torch's devices against the same steps, one after the other, in numpy.

A row's step adds an input of two values to the row's three and answers with their sum: every row,
input and answer that went astray would show.
"""

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="rows need PyTorch: make test-vllm has it")

from common.rows import Rows, Shape  # noqa: E402 - after the check for torch
from tests import recordable  # noqa: E402 - the same
from tests.integration.common.devices import DEVICES  # noqa: E402 - the same

SHAPE = Shape(3, 2, 1)


@pytest.fixture(params=DEVICES)
def table(request):
    def table(expected):
        blank = np.zeros(3, np.float32)
        return Rows(step, SHAPE, device=request.param, blank=blank, expected=expected)

    return table


def step(rows, inputs):
    rows[:, :2] += inputs
    rows[:, 2] += 1
    return rows.sum(dim=1, keepdim=True)


def stepped(values, inputs):
    """The plain form: one row by some inputs."""
    values, answers = values.copy(), []
    for each in inputs:
        values[:2] += each
        values[2] += 1
        answers.append(values.sum(keepdims=True))
    return values, answers


def whole(rng, *shape):
    """Whole numbers, whose sums are exact."""
    return rng.integers(-1000, 1000, shape).astype(np.float32)


def check(rows, kept, counts, rng):
    """Run rows with their expected values, and look at every answer and every row."""
    inputs = whole(rng, sum(counts), 2)
    answers = rows.run([row for row, _ in kept], counts, inputs)
    parts = np.split(inputs, np.cumsum(counts)[:-1])
    wanted = [stepped(values, part) for (_, values), part in zip(kept, parts, strict=True)]
    np.testing.assert_array_equal(
        answers, np.array([a for _, each in wanted for a in each]).reshape(-1, 1)
    )
    kept[:] = [(row, values) for (row, _), (values, _) in zip(kept, wanted, strict=True)]
    rows.fetch([row for row, _ in kept])
    for row, values in kept:
        np.testing.assert_array_equal(rows.read(row), values)


@pytest.mark.parametrize("legs", [1, 2, 3, 17, 64, 65, 200])
def test_every_input_meets_its_row_in_its_turn(table, legs):
    rng = np.random.default_rng(legs)
    rows = table(legs)
    kept = [(rows.open(values), values) for values in whole(rng, legs, 3)]
    for _ in range(5):
        check(rows, kept, rng.integers(0, 5, legs).tolist(), rng)
    check(rows, kept, [0] * legs, rng)
    check(rows, kept, [1] * legs, rng)


def test_some_rows_in_another_order_leave_the_others_as_they_are(table):
    rng = np.random.default_rng(0)
    rows = table(8)
    kept = [(rows.open(values), values) for values in whole(rng, 8, 3)]
    check(rows, kept, [2] * 8, rng)
    some = [kept[at] for at in (6, 1, 3)]
    check(rows, some, [1, 0, 4], rng)
    for at in (0, 2, 4, 5, 7):
        np.testing.assert_array_equal(rows.read(kept[at][0]), kept[at][1])


def test_the_table_grows_under_what_it_holds(table):
    rng = np.random.default_rng(1)
    rows = table(2)
    kept = []
    for _ in range(20):
        values = whole(rng, 3)
        kept.append((rows.open(values), values))
        check(rows, kept, [1] * len(kept), rng)


def test_more_rows_than_expected_are_stepped_like_the_others(table):
    rng = np.random.default_rng(5)
    rows = table(3)
    kept = [(rows.open(values), values) for values in whole(rng, 3, 3)]
    check(rows, kept, [2, 1, 3], rng)
    kept += [(rows.open(values), values) for values in whole(rng, 100, 3)]
    check(rows, kept, rng.integers(0, 4, 103).tolist(), rng)
    check(rows, kept, [1] * 103, rng)


def test_a_place_is_free_again_when_nobody_has_its_row(table):
    rng = np.random.default_rng(2)
    rows = table(2)
    other = whole(rng, 3)
    kept = [(rows.open(other), other)]
    places = set()
    for _ in range(5):
        values = whole(rng, 3)
        kept.append((rows.open(values), values))
        places.add(kept[-1][0].index)
        check(rows, kept, [1, 2], rng)
        del kept[1]
        gc.collect()
    assert len(places) == 1
    assert 0 not in places


def test_what_was_read_does_not_change_later(table):
    rng = np.random.default_rng(3)
    rows = table(2)
    kept = [(rows.open(values), values) for values in whole(rng, 2, 3)]
    check(rows, kept, [1, 1], rng)
    read = rows.read(kept[0][0])
    before = read.copy()
    check(rows, kept, [3, 3], rng)
    np.testing.assert_array_equal(read, before)


def test_rows_that_are_fetched_together_are_transferred_once(table):
    rng = np.random.default_rng(4)
    rows = table(10)
    kept = [(rows.open(values), values) for values in whole(rng, 10, 3)]
    rows.run([row for row, _ in kept], [1] * 10, whole(rng, 10, 2))
    before = rows.received
    rows.fetch([row for row, _ in kept[:6]])
    assert rows.received - before == 6 * 3 * 4
    for row, _ in kept[:6]:
        rows.read(row)
    rows.fetch([row for row, _ in kept])
    assert rows.received - before == 10 * 3 * 4


def test_a_step_that_reads_values_is_found_not_to_be_recordable():
    def reads(rows, inputs):
        return inputs[: int(rows.sum())]

    def uses_the_hosts(rows, inputs):
        return inputs + torch.tensor(1.0)

    recordable.check(step, (4, 3), 2)
    with pytest.raises(RuntimeError, match="meta"):
        recordable.check(reads, (4, 3), 2)
    with pytest.raises(AssertionError):
        recordable.check(uses_the_hosts, (4, 3), 2)
