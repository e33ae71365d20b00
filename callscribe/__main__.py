"""`python -m callscribe` is the callscribe command."""

import sys

from callscribe.cli import main

if __name__ == "__main__":
    sys.exit(main())
