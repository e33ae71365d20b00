"""The benchmarks' command: ``python -m bench <benchmark> [options]``, from the repository's root.

    python -m bench bus             what the message bus costs: CPU and latency with dummy engines
    python -m bench bus --short     the same in ten seconds, small, to see that nothing is lost
    python -m bench calls           real calls: word error rate against offline, latencies
    python -m bench overload        twice the calls that fit: who is refused, how the others fare
    python -m bench gpu             the vLLM engine with models of the real shapes and no weights
    python -m bench bus --help      its options; so with every benchmark

A benchmark is a module of this package with a ``main(argv)``; it starts and ends everything it
needs, listens on loopback only, and returns 0 when its own checks held.
"""

import sys
from collections.abc import Callable, Sequence

from bench import bus, calls, overload
from bench.gpu import command as gpu

_BENCHMARKS: dict[str, Callable[[Sequence[str]], int]] = {
    "bus": bus.main,
    "calls": calls.main,
    "gpu": gpu.main,
    "overload": overload.main,
}


def main(argv: Sequence[str]) -> int:
    """Run one benchmark; return the process's exit code."""
    if not argv or argv[0] not in _BENCHMARKS:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    return _BENCHMARKS[argv[0]](argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
