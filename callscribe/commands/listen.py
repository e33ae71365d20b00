"""The flags of `callscribe listen`."""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace

from callscribe.commands.server_flags import server_of
from callscribe.commands.transcribe import add_call_flags, call_of
from common.errors import SettingsError
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Transcribe the microphone and return the exit code."""
    arguments = parser().parse_args(argv)
    _check(arguments)
    server = server_of(arguments)
    channels, listing = vars(arguments).pop("channels"), vars(arguments).pop("list_devices")
    asked, chunk_s = call_of(arguments)
    # Report errors in the flags before looking for the library and for devices.
    from callscribe import microphone
    from callscribe.commands.listening import ListenOptions, run

    library = microphone.sounddevice()
    if listing:
        lines = microphone.recorders(library)
        if not lines:
            raise microphone.MicrophoneError(
                "there is no device that records, or this user may not use it"
            )
        print("\n".join(lines))
        return 0
    options = ListenOptions(
        server=server, asked=replace(asked, channels=channels), chunk_s=chunk_s, **vars(arguments)
    )
    return asyncio.run(run(options, library))


def _check(arguments: Namespace) -> None:
    if arguments.duration is not None and not 0 < arguments.duration < float("inf"):
        raise SettingsError(f"--duration: {arguments.duration:g} is not more than 0")


def parser() -> FlagParser:
    """Return the command's flags."""
    flags = FlagParser(prog="callscribe listen", allow_abbrev=False)
    flags.description = (
        "Send what the microphone hears, as a call, and print what was said. Ctrl-C ends the call"
        " and prints the rest; a second Ctrl-C leaves immediately."
    )
    text = "number or part of the name of the microphone (default: the system's)"
    flags.add_argument("--device", metavar="DEVICE", help=text)
    flags.add_argument("--list-devices", action="store_true", help="list them, and end")
    text = "channels to record, each transcribed on its own (default 1)"
    flags.add_argument("--channels", type=int, choices=(1, 2), default=1, help=text)
    text = "seconds after which the call ends by itself (default: Ctrl-C ends it)"
    flags.add_argument("--duration", type=float, metavar="S", help=text)
    add_call_flags(flags)
    return flags
