"""`callscribe up`: the whole system on this machine, until Ctrl-C."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from callscribe.commands.invocation import Invocation
from callscribe.commands.stack_flags import stack_options, stack_parser, usual_ports
from callscribe.local.stack import serve, until_stopped
from common.settings import merge, settings_classes


def main(argv: Sequence[str]) -> int:
    """Run the stack and return the exit code."""
    parser = stack_parser(
        "up",
        "Start the whole system on this machine, until Ctrl-C. It restarts any process that ends."
        " A protocol with a port of its own gets the usual one, unless a setting says otherwise.",
    )
    invocation = Invocation.parse(parser, argv, os.environ)
    options = stack_options(replace(invocation, env=with_usual_ports(invocation.env)))
    return asyncio.run(until_stopped(serve(options)))


def with_usual_ports(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return `env` with the usual port of every protocol whose port it does not give."""
    given = {
        each.variable
        for each in merge(settings_classes().values()).values()
        if each.given_by(env) is not None
    }
    missing = {name: port for name, port in usual_ports().items() if name not in given}
    return {**env, **missing}
