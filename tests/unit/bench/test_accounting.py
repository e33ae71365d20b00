import math
import os
import threading

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


def test_threads_that_end_meanwhile_are_left_out():
    over = threading.Event()

    def spawn() -> None:
        while not over.is_set():
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()

    spawning = threading.Thread(target=spawn)
    spawning.start()
    try:
        for _ in range(300):
            assert cpu_seconds(os.getpid()) > 0
    finally:
        over.set()
        spawning.join()
