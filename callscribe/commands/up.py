"""`callscribe up`: the whole system on this machine, until Ctrl-C."""

import asyncio
import os
from collections.abc import Sequence

from callscribe.commands.invocation import Invocation
from callscribe.commands.stack_flags import stack_options, stack_parser
from callscribe.local.stack import serve, until_stopped


def main(argv: Sequence[str]) -> int:
    """Run the stack and return the exit code."""
    parser = stack_parser(
        "up",
        "Start the whole system on this machine, until Ctrl-C. It restarts any process that ends.",
    )
    options = stack_options(Invocation.parse(parser, argv, os.environ))
    return asyncio.run(until_stopped(serve(options)))
