"""Rows of float32 on a torch device: many of them are stepped in one batch.

A row is what a model remembers of one leg. A step takes rows and an input for each, changes the
rows in place and returns an answer for each. It is computed for batches of a few fixed sizes; the
rest of a batch is row 0, which no leg has.

On CUDA a step of each size is recorded once as a CUDA graph and replayed, so that its many small
kernels cost one launch. Inputs and answers go through pinned memory on streams of their own: while
one batch is computed, the next one's inputs are on their way and so are the answers of the one
before. On the CPU the same code runs without recording, and its streams do nothing.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from common.audio import FloatArray

Step: TypeAlias = Callable[[Any, Any], Any]
"""Takes tensors: rows [n, size], which it changes in place, and inputs [n, given]; returns answers
[n, answered]. It may not depend on values in any other way: CUDA graphs replay kernels."""

_SIZES = sorted([2 << power for power in range(12)] + [3 << power for power in range(11)])
"""Sizes of batches, 2 to 4096: at least two thirds of one are used, but by a single row."""
_MOST = {"cuda": 4096, "cpu": 64}
"""Rows in a batch at most. On a CPU the data of more would not stay in its caches."""
_WARM_UP = 3


class Shape(NamedTuple):
    """How many float32 a row, an input and an answer have."""

    row: int
    given: int
    answered: int


class Row:
    """A place in the table, free again once nothing refers to it."""

    __slots__ = ("_free", "index")

    def __init__(self, index: int, free: list[int]) -> None:
        self.index = index
        self._free = free

    def __del__(self) -> None:
        self._free.append(self.index)


class _Batch(NamedTuple):
    """The step of one batch size, and the tensors that it reads and writes."""

    places: Any
    given: Any
    answers: Any
    run: Callable[[], None]


class Rows:
    """A table of rows and their step; one call at a time, from any thread.

    Args:
        device: cpu or cuda; of several GPUs the first that CUDA_VISIBLE_DEVICES names.
        blank: the row that fills batches up, float32 [row]; any values that a step can take.
        expected: how many rows there will be; beyond twice as many the table grows, and steps are
            recorded again.
    """

    def __init__(
        self, step: Step, shape: Shape, *, device: str, blank: FloatArray, expected: int
    ) -> None:
        self._step = step
        self._shape = shape
        self._device = torch.device(device)
        self._cuda = device == "cuda"
        self._most = _MOST[device]
        self._api: Any = torch.cuda if self._cuda else torch.cpu
        self._up, self._compute, self._down = (self._api.Stream() for _ in range(3))
        # A blocked wait leaves the core to other workers; by default CUDA spins.
        self._over: Any = torch.cuda.Event(blocking=True) if self._cuda else torch.cpu.Event()
        self._batches: dict[int, _Batch] = {}
        self._opened: dict[int, FloatArray] = {}
        """Rows whose values are not on the device yet."""
        self._fetched: dict[int, FloatArray] = {}
        """Rows as they are on the device."""
        self._free: list[int] = []
        self._room = 0
        self.sent = self.received = 0
        """Bytes that went to the device, and that came from it."""
        with torch.inference_mode():
            self._table: Any = torch.from_numpy(blank[None].copy()).to(self._device)
            # Twice: a place is free only when the last reference to its row is gone.
            self._grow(2 * expected)
            self._reserve(self._most)
            if self._cuda:
                # The largest first: the others find its memory in the pool.
                for size in reversed(_SIZES[: bisect_left(_SIZES, min(expected, self._most)) + 1]):
                    self._batch(size)

    def open(self, values: FloatArray) -> Row:
        """Return a new row of these values, float32 [row]."""
        if not self._free:
            with torch.inference_mode():
                self._grow(len(self._table))
        row = Row(self._free.pop(), self._free)
        self._opened[row.index] = values
        self._fetched.pop(row.index, None)
        return row

    def run(self, rows: Sequence[Row], counts: Sequence[int], inputs: FloatArray) -> FloatArray:
        """Step each row by its inputs, one after the other; return all answers.

        `inputs`: float32 [n, given], row after row, `counts[i]` >= 0 of them for `rows[i]`, which
        are all different. Returns float32 [n, answered] in the same order. Blocks.
        """
        answers = np.empty((len(inputs), self._shape.answered), np.float32)
        if not len(inputs):
            return answers
        places = np.array([row.index for row in rows])
        with torch.inference_mode():
            self._reserve(len(inputs))
            self._settle()
            self._fetched.clear()
            order = np.empty(len(inputs), np.intp)
            start = 0
            for here, sources in _turns(places, np.array(counts), self._most):
                end = start + len(here)
                order[start:end] = sources
                np.take(inputs, sources, 0, self._inputs[start:end], "clip")
                self._places[start:end] = here
                self._enqueue(slice(start, end))
                start = end
            self._over.record(self._down)
            self._over.synchronize()
        answers[order] = self._answers[: len(inputs)]
        self.sent += inputs.nbytes + self._places[:start].nbytes
        self.received += answers.nbytes
        return answers

    def fetch(self, rows: Sequence[Row]) -> None:
        """Fetch the rows' values in one go, for `read` before the next `run`."""
        missing = [
            row.index
            for row in rows
            if row.index not in self._opened and row.index not in self._fetched
        ]
        if not missing:
            return
        with torch.inference_mode():
            here = self._pinned(len(missing), self._shape.row)
            with self._api.stream(self._compute):
                chosen = torch.tensor(missing, device=self._device)
                here.copy_(self._table.index_select(0, chosen), non_blocking=True)
                self._over.record(self._compute)
            self._over.synchronize()
        values = here.numpy()
        self._fetched.update(zip(missing, values, strict=True))
        self.received += values.nbytes

    def read(self, row: Row) -> FloatArray:
        """Return a row's values, float32 [row]; they do not change later."""
        if row.index in self._opened:
            return self._opened[row.index]
        self.fetch([row])
        return self._fetched[row.index]

    def _enqueue(self, part: slice) -> None:
        """Send a batch's inputs, compute it, and have its answers sent back."""
        count = part.stop - part.start
        with self._api.stream(self._up):
            self._device_inputs[part].copy_(self._pinned_inputs[part], non_blocking=True)
            self._device_places[part].copy_(self._pinned_places[part], non_blocking=True)
            arrived = self._up.record_event()
        with self._api.stream(self._compute):
            self._compute.wait_event(arrived)
            batch = self._batch(_SIZES[bisect_left(_SIZES, count)])
            batch.given[:count].copy_(self._device_inputs[part])
            batch.places.zero_()
            batch.places[:count].copy_(self._device_places[part])
            batch.run()
            self._device_answers[part].copy_(batch.answers[:count])
            computed = self._compute.record_event()
        with self._api.stream(self._down):
            self._down.wait_event(computed)
            self._pinned_answers[part].copy_(self._device_answers[part], non_blocking=True)

    def _batch(self, size: int) -> _Batch:
        """Return the step for a batch size, recorded if it is the first time."""
        if size not in self._batches:
            tensor = partial(torch.zeros, device=self._device)
            places = tensor(size, dtype=torch.int64)
            given, answers = tensor(size, self._shape.given), tensor(size, self._shape.answered)

            def run() -> None:
                chosen = self._table.index_select(0, places)
                answers.copy_(self._step(chosen, given))
                self._table.index_copy_(0, places, chosen)

            self._api.synchronize()
            replay = self._recorded(run) if self._cuda else run
            self._batches[size] = _Batch(places, given, answers, replay)
        return self._batches[size]

    def _recorded(self, run: Callable[[], None]) -> Callable[[], None]:
        with torch.cuda.stream(self._compute):
            for _ in range(_WARM_UP):  # libraries choose kernels and allocate
                run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._compute):
            run()
        replay: Callable[[], None] = graph.replay
        return replay

    def _settle(self) -> None:
        """Write opened rows to the table."""
        if not self._opened:
            return
        values = np.stack(list(self._opened.values()))
        with self._api.stream(self._compute):
            places = torch.tensor(list(self._opened), device=self._device)
            self._table.index_copy_(0, places, torch.from_numpy(values).to(self._device))
        self.sent += values.nbytes
        self._opened.clear()

    def _grow(self, more: int) -> None:
        """Add rows to the table, which recorded steps do not know yet."""
        self._api.synchronize()
        before = len(self._table)
        rows = self._table.new_zeros((before + more, self._shape.row))
        rows[:before] = self._table
        self._table = rows
        self._batches.clear()
        self._pool = torch.cuda.graph_pool_handle() if self._cuda else None
        self._free += range(before, before + more)
        self._api.synchronize()

    def _reserve(self, count: int) -> None:
        """Have room for `count` inputs and answers, here and on the device."""
        if count <= self._room:
            return
        self._room = count = 1 << (count - 1).bit_length()
        self._pinned_inputs = self._pinned(count, self._shape.given)
        self._pinned_places = self._pinned(count, dtype=torch.int64)
        self._pinned_answers = self._pinned(count, self._shape.answered)
        self._inputs: FloatArray = self._pinned_inputs.numpy()
        self._places: npt.NDArray[np.int64] = self._pinned_places.numpy()
        self._answers: FloatArray = self._pinned_answers.numpy()
        self._device_inputs, self._device_places, self._device_answers = (
            torch.empty(each.shape, dtype=each.dtype, device=self._device)
            for each in (self._pinned_inputs, self._pinned_places, self._pinned_answers)
        )
        self._api.synchronize()

    def _pinned(self, *shape: int, dtype: Any = torch.float32) -> Any:
        return torch.empty(shape, dtype=dtype, pin_memory=self._cuda)


def _turns(
    places: npt.NDArray[np.intp], counts: npt.NDArray[np.intp], most: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield batches of at most `most` rows: their places, and which inputs they take.

    Turn i of all rows that have an input i comes before turn i + 1.
    """
    order = np.argsort(-counts, kind="stable")
    begins = (np.cumsum(counts) - counts)[order]
    places, counts = places[order], counts[order]
    for turn in range(int(counts[0])):
        here = int(np.count_nonzero(counts > turn))
        for start in range(0, here, most):
            part = slice(start, min(start + most, here))
            yield places[part], begins[part] + turn
