import math
import os

from bench.accounting import cpu_seconds, quantile, resident_bytes


def test_quantiles():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(100)], 0.99) == 99.0
    assert math.isnan(quantile([], 0.5))


def test_a_process_uses_up_time_and_memory():
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) == before:
        pass
    assert resident_bytes(os.getpid()) > 1 << 20
