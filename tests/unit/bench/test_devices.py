"""The memory of a measurement: what the allocator reserved for it, and not for the one before."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench import devices

MB = 1_000_000


class Allocator:
    """Counts as torch.cuda does: freed memory stays reserved until the cache is emptied."""

    def __init__(self):
        self.live = self.reserved = self.peak = 0

    def hold(self, size):
        self.live += size
        self.reserved = max(self.reserved, self.live)
        self.peak = max(self.peak, self.reserved)

    def empty_cache(self):
        self.reserved = self.live

    def reset_peak_memory_stats(self):
        self.peak = self.reserved

    def max_memory_reserved(self):
        return self.peak


class Held:
    """A model that holds 1 MB a leg until the garbage collector finds it, and more at its start."""

    sent = received = 0

    def __init__(self, allocator, legs):
        self._allocator, self._size = allocator, legs * MB
        self._itself = self
        allocator.hold(2 * self._size)
        allocator.live -= self._size

    def __del__(self):
        self._allocator.live -= self._size

    def run(self, heard):
        return heard[:, :1]


@pytest.fixture
def subject(monkeypatch):
    allocator = Allocator()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=allocator))

    def on_device(device, legs):
        held = Held(allocator, legs)
        return devices.OnDevice(run=held.run, fetch=lambda: None, moved=held)

    return devices.Subject(
        samples=512,
        device=on_device,
        numpy=lambda legs: lambda heard: np.ascontiguousarray(heard[:, :1]),
        numpy_legs=8,
        tolerance=0,
    )


def test_memory_is_the_most_that_was_reserved_since_the_last_measurement(subject):
    measured = [devices.measure(subject, "cuda", legs, 1).memory_mb for legs in (20, 5)]
    assert measured == [40, 10]
