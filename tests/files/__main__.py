"""Files of all kinds on every way: ``python -m tests.files``, from the repository's root.

Each file goes through the command line, both kinds of uploads, and the native socket where a live
client can say the same, to a system with the tiny.en recogniser. The exit code is 1 if texts, times
or what is told of a file differ.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import record
from tests.files.compared import compared
from tests.files.recordings import RECORDINGS
from tests.integration.pipeline.services import service
from tests.real_redis import real_redis


def main(argv: Sequence[str]) -> int:
    """Send the files; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.files", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="files, by name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of each there")
    given = parser.parse_args(argv)
    chosen = [each for each in RECORDINGS if not given.only or each.name in given.only]
    with (
        real_redis() as redis,
        service("vad", redis.url) as vad,
        service("asr", redis.url, "--no-asr-multilingual") as asr,
        service("gateway", redis.url) as gateway,
    ):
        for each in (vad, asr, gateway):
            each.wait_ready()
        rows = asyncio.run(compared(gateway.port, chosen))
    for row in rows:
        if row.differences:
            print(f"{row.recording.name}: {', '.join(row.differences)}: {row.found}")
    if given.json is not None:
        record.write(given.json, [row.as_json() for row in rows])
    good = sum(not row.differences for row in rows)
    print(f"{good} of {len(rows)} are heard alike on every way")
    return 0 if good == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
