"""``python -m deploy.kubernetes VALUES.toml``: print the manifests, or say what is wrong.

The exit code is 2 where the values cannot be used; then nothing is printed on stdout.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from deploy.kubernetes import render, values, yaml_text


def main(argv: Sequence[str]) -> int:
    """Render one file of values; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kubernetes", description=__doc__)
    parser.add_argument("values", type=Path, help="a file like those in deploy/kubernetes/sites")
    path: Path = parser.parse_args(argv).values
    try:
        text = yaml_text.dump(render.objects(values.read(tomllib.loads(path.read_text()))))
    except (OSError, tomllib.TOMLDecodeError, values.Rejected) as error:
        print(*(f"{path}: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
        return 2
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
