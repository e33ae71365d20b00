"""The fuzz suite: ``python -m tests.fuzz``, from the repository's root.

Dialogues of every protocol are mutated and fed to its codec, and sent to its listener on a running
gateway; so are bytes, WebSocket frames and HTTP requests, and compressed audio, which is decoded by
itself, too. The exit code is 1 where anything but a `ClientError` is raised, or the gateway ends,
hangs, logs a traceback, or grows.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.protocols import PROTOCOLS
from tests.fuzz import codecs, gateway, streams


def main(argv: Sequence[str]) -> int:
    """Run the suite; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000, help="for each codec and listener")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    began = time.monotonic()
    fed = {each.name: codecs.fuzz(each, given.inputs, given.seed) for each in PROTOCOLS}
    took = time.monotonic() - began
    print(f"codecs: {sum(fed.values())} messages in {took:.0f} s, {fed}", flush=True)
    log = Path(tempfile.mkdtemp(prefix="callscribe-fuzz-"), "gateway.log")
    decoded = streams.fuzz(given.inputs, given.seed)
    took = time.monotonic() - began - took
    print(f"streams: {decoded} bytes in {took:.0f} s", flush=True)
    began = time.monotonic()
    with gateway.target(log) as target:
        gateway.attack(target, given.inputs, given.seed)
        growth = grown(target.megabytes)
    took = time.monotonic() - began
    print(f"sockets: {sum(target.inputs.values())} inputs in {took:.0f} s, {target.inputs}")
    print(f"memory: {' '.join(f'{each:.0f}' for each in target.megabytes)} MB, log {log}")
    bounded = growth <= gateway.MOST_GROWTH_MB
    print(f"{'OK' if bounded else 'FAILED'} seed {given.seed}: {growth:.1f} MB more")
    return 0 if bounded else 1


def grown(megabytes: Sequence[float]) -> float:
    """Return how much memory grew after the first batch, which warms up."""
    return megabytes[-1] - megabytes[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
