"""`callscribe demo`: the whole system at work on one recorded call."""

import asyncio
import dataclasses
import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from callscribe import sample
from callscribe.commands.invocation import Invocation
from callscribe.commands.server_flags import Server
from callscribe.commands.stack_flags import beside, stack_options, stack_parser
from callscribe.commands.transcription import TranscribeOptions, run
from callscribe.local.stack import StackOptions, running_stack, until_stopped
from common.errors import SettingsError
from common.lifecycle import EXIT_INTERRUPTED


def main(argv: Sequence[str]) -> int:
    """Start a stack, transcribe the call, end the stack; return the exit code."""
    parser = stack_parser("demo", "Show the whole system at work on one recorded call.")
    parser.add_argument("audio", nargs="?", metavar="AUDIO", help="default: the sample call")
    invocation = Invocation.parse(parser, argv, os.environ)
    audio = Path(invocation.arguments.get("audio", sample.AUDIO))
    if not audio.is_file():
        raise SettingsError(f"there is no file {audio}")
    env = beside(invocation.env)
    options = stack_options(dataclasses.replace(invocation, env=env))
    work = _demonstrate(dataclasses.replace(options, echo=None), audio)
    return asyncio.run(until_stopped(work, when_stopped=EXIT_INTERRUPTED))


async def _demonstrate(options: StackOptions, audio: Path) -> int:
    times = [time.monotonic()]
    print("starting Redis and every service, each a process of its own", flush=True)
    async with running_stack(options) as stack:
        times.append(time.monotonic())
        ready = sorted(stack.ready_after.items(), key=lambda item: item[1])
        print("ready: " + ", ".join(f"{name} {after:.1f} s" for name, after in ready))
        print(f"calling with {audio}, at the pace of a live call", flush=True)
        url = "ws" + stack.url.removeprefix("http") + "/ws/asr"
        code = await stack.run(run(TranscribeOptions(files=[audio], server=Server(urls=[url]))))
        times.append(time.monotonic())
    times.append(time.monotonic())
    spent = [end - start for start, end in pairwise(times)]
    print("time spent: start {:.1f} s, call {:.1f} s, end {:.1f} s".format(*spent))
    return code
