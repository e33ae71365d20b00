"""The command line of a benchmark: its name, its help, and the options that most of them have."""

import argparse
from pathlib import Path


def parser_of(
    name: str, doc: str | None, *, short: str | None = None, engine: bool = False
) -> argparse.ArgumentParser:
    """Return the parser of `python -m bench NAME`, which has `--json FILE`.

    `doc` describes it. `short`: what `--short` limits it to; without it there is no such option.
    `engine`: it has `--engine`, a recogniser by its file in `asr_worker/engines`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m bench {name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if engine:
        parser.add_argument("--engine", default="whisper", metavar="NAME", help="recogniser")
    if short is not None:
        parser.add_argument("--short", action="store_true", help=short)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser
