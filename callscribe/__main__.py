"""The callscribe command; `python -m callscribe` is the same."""

import sys

from callscribe import services


def main() -> int:
    """Run the command that the arguments name; return its exit code."""
    services.make_importable()
    from callscribe import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
