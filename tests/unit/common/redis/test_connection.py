"""What of a connection needs no socket."""

from itertools import islice

from common.redis.connection import backoff


def test_a_connection_is_tried_after_50_ms_to_a_second():
    found = list(islice(backoff(), 12))
    full = [min(0.05 * 2**n, 1.0) for n in range(12)]
    assert all(most / 2 <= pause <= most for pause, most in zip(found, full, strict=True))
