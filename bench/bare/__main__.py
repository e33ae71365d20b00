"""``python -m bench.bare gateway|vad|asr --redis-url URL [--port N]``: one process of the chain."""

import argparse
import sys
from collections.abc import Sequence

import uvloop

from bench.bare import gateway, workers
from common.redis.address import Address


def main(argv: Sequence[str]) -> int:
    """Run one process until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare")
    parser.add_argument("role", choices=("gateway", "vad", "asr"))
    parser.add_argument("--redis-url", type=Address.parse, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(argv)
    match options.role:
        case "gateway":
            uvloop.run(gateway.run(options.redis_url, options.port))
        case "vad":
            uvloop.run(workers.run_vad(options.redis_url))
        case "asr":
            uvloop.run(workers.run_asr(options.redis_url))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
