"""The callscribe command: runs services, the local stack, and files through it.

Exit codes: 0 done, 1 failed, 2 misuse (one line on stderr tells which), 130 interrupted. One whose
reader has left, as `head` does, ends without a word, by 1.
Every command imports what it needs itself, so that none waits for another's libraries.
"""

import asyncio
import dataclasses
import errno
import importlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from callscribe import __version__, stdout
from callscribe.telling import tell
from common.errors import CallscribeError, SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MISUSE
from common.settings import (
    PREFIX,
    CommonSettings,
    FlagParser,
    definitions,
    flag_parser,
    merge,
    parse_flags,
    resolve,
    settings_classes,
)

if TYPE_CHECKING:
    from callscribe.up import StackOptions

_ON_REQUEST = ("align",)
"""Services that a stack has none of unless it is told how many: this one needs a GPU."""

_URL = "ws://127.0.0.1:8000/ws/asr"

_SAMPLE = Path(__file__).parent / "sample" / "sample_call.wav"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments.pop(0) if arguments else "--help"
    try:
        with stdout.watched():
            return _run(name, arguments)
    except stdout.StdoutError as error:
        stdout.abandon()
        if error.errno != errno.EPIPE:
            tell(f"callscribe {name}: stdout: {error.strerror}", sys.stderr)
        return EXIT_FAILED


def _run(name: str, arguments: list[str]) -> int:
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if name == "--version":
        print(f"callscribe {__version__}")
        return 0
    prog = f"callscribe {name}"
    try:
        return _command(name)(arguments)
    except SystemExit as end:  # argparse, having printed --help
        return end.code if isinstance(end.code, int) else EXIT_FAILED
    except SettingsError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return EXIT_MISUSE
    except CallscribeError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _command(name: str) -> Callable[[list[str]], int]:
    commands = {**_COMMANDS, **{each: _service(each) for each in settings_classes()}}
    if name not in commands:
        raise SettingsError(f"no such command; there are {', '.join(commands)}")
    return commands[name]


def _usage() -> str:
    lines = ["usage: callscribe COMMAND [--help] ...", "", "commands:"]
    lines += [f"  {name:14}{_summary(command)}" for name, command in _COMMANDS.items()]
    lines += ["", "services, each a process of its own:"]
    for name, cls in settings_classes().items():
        lines.append(f"  {name:14}{_summary(sys.modules[_package(cls)])}")
    return "\n".join([*lines, "", "  --version     print the version"])


def _summary(documented: object) -> str:
    return (documented.__doc__ or "").partition("\n")[0]


def _package(settings: type) -> str:
    """Return the package of a service, given its settings: the one that its `settings` is in."""
    return settings.__module__.rpartition(".")[0]


def _service(name: str) -> Callable[[list[str]], int]:
    """Return the command that runs a service in this process, by its package's `__main__.main`."""

    def run(argv: list[str]) -> int:
        package = _package(settings_classes()[name])
        try:
            module = importlib.import_module(f"{package}.__main__")
            result: int = module.main(argv)
        except ModuleNotFoundError as error:
            raise SettingsError(f"{error}; is callscribe[{name}] installed?") from error
        return result

    return run


@dataclass(frozen=True)
class _Invocation:
    """A command line that may hold any setting of any service."""

    arguments: Mapping[str, str]
    """What is not a setting: the command's own arguments, by name."""
    given: Mapping[str, str]
    """The settings given as flags, by name."""
    env: Mapping[str, str]
    """The environment, with these flags as the variables they stand for."""


def _invocation(parser: FlagParser, argv: list[str], env: Mapping[str, str]) -> _Invocation:
    texts = parse_flags(parser, argv)
    names = merge(settings_classes().values())
    given = {name: text for name, text in texts.items() if name in names}
    for name, text in given.items():
        names[name].parse(text, names[name].flag)
    arguments = {name: text for name, text in texts.items() if name not in names}
    variables = {names[name].variable: text for name, text in given.items()}
    return _Invocation(arguments, given, {**env, **variables})


def _stack_parser(name: str, description: str) -> FlagParser:
    classes = settings_classes()
    parser = flag_parser(classes.values(), prog=f"callscribe {name}", description=description)
    group = parser.add_argument_group("processes")
    for service in classes:
        if service != "gateway":
            text = f"{service} workers to start (default {_default_workers(service)})"
            group.add_argument(f"--{service}", metavar="N", dest=f"{service} workers", help=text)
    return parser


def _default_workers(service: str) -> str:
    return "0" if service in _ON_REQUEST else "1"


def _stack_options(invocation: _Invocation) -> "StackOptions":
    from callscribe.up import StackOptions

    counts = {"gateway": 1}
    for service in settings_classes():
        if service != "gateway":
            text = invocation.arguments.get(f"{service} workers", _default_workers(service))
            if not text.isdecimal():
                raise SettingsError(f"--{service}: {text!r} is not a number of workers")
            counts[service] = int(text)
    return StackOptions(
        counts=counts,
        env=invocation.env,
        embedded_redis=PREFIX + "REDIS_URL" not in invocation.env,
        echo=sys.stderr,
    )


def _up(argv: list[str]) -> int:
    """Start Redis, a gateway and the workers on this machine, until Ctrl-C."""
    parser = _stack_parser(
        "up",
        "Start the whole system on this machine, until Ctrl-C. What dies is started again;"
        " SIGHUP restarts every process in turn, while calls go on.",
    )
    options = _stack_options(_invocation(parser, argv, os.environ))
    from callscribe.up import serve, until_stopped

    return asyncio.run(until_stopped(serve(options)))


def _check_config(argv: list[str]) -> int:
    """Print every setting that is in effect, with its source."""
    classes = settings_classes()
    parser = flag_parser(classes.values(), prog="callscribe check-config")
    invocation = _invocation(parser, argv, os.environ)
    problems: dict[str, None] = {}
    printed: set[str] = set()
    names = Counter(name for cls in classes.values() for name in definitions(cls))
    for service, cls in classes.items():
        try:
            settings, sources = resolve(cls, [], invocation.env)
        except SettingsError as error:
            problems[str(error)] = None
            continue
        for name, definition in definitions(cls).items():
            if name not in printed:
                printed.add(name)
                owner = service if names[name] == 1 else "shared"
                value = definition.show(getattr(settings, name))
                source = definition.flag if name in invocation.given else sources[name]
                print(f"{owner:8} {name:26} {value:28} {source}")
    for problem in problems:
        print(f"callscribe check-config: {problem}", file=sys.stderr)
    return EXIT_MISUSE if problems else 0


def _transcribe(argv: list[str]) -> int:
    """Send audio files to a running gateway and print what was said."""
    parser = FlagParser(prog="callscribe transcribe", allow_abbrev=False)
    parser.description = "Send audio files, as if they were calls, and print what was said."
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="wav, flac, ogg or mp3")
    url = f"default {_URL}; several: where to go when one fails"
    parser.add_argument("--url", action="append", help=url)
    parser.add_argument("--json", action="store_true", help="print events as JSON lines")
    parser.add_argument("--language", help="English name or ISO code; default: detect")
    parser.add_argument("--context", metavar="TEXT", help="what the calls are about")
    parser.add_argument("--denoise", action="store_true", help="ask for noise suppression")
    parser.add_argument("--words", action="store_true", help="ask for word times (see --json)")
    parser.add_argument(
        "--no-resume",
        action="store_false",
        dest="resume",
        help="fail when the connection breaks, rather than resume",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="times real time; 0 is as fast as it is accepted"
    )
    arguments = parser.parse_args(argv)
    arguments.url = arguments.url or _URL
    if not 0 <= arguments.speed < float("inf"):
        raise SettingsError(f"--speed: {arguments.speed:g} is not 0 or more")
    from callscribe.transcribe import TranscribeOptions, run

    return asyncio.run(run(TranscribeOptions(**vars(arguments))))


def _demo(argv: list[str]) -> int:
    """Start everything, send a sample call or AUDIO through it, and end everything."""
    parser = _stack_parser("demo", "Show the whole system at work on one recorded call.")
    parser.add_argument("audio", nargs="?", metavar="AUDIO", help="default: the sample call")
    invocation = _invocation(parser, argv, os.environ)
    audio = Path(invocation.arguments.get("audio", _SAMPLE))
    if not audio.is_file():
        raise SettingsError(f"there is no file {audio}")
    env = {**invocation.env, PREFIX + "HOST": "127.0.0.1", PREFIX + "PORT": "0"}
    # A stack of its own: no other Redis, no certificate that its client would have to trust.
    for name in ("REDIS_URL", "SSL_CERTFILE", "SSL_KEYFILE", "GENERATE_SELF_SIGNED_CERT"):
        env.pop(PREFIX + name, None)
    invocation = dataclasses.replace(invocation, env=env)
    options = dataclasses.replace(_stack_options(invocation), echo=None)
    from callscribe.up import until_stopped

    work = _demonstrate(options, audio)
    return asyncio.run(until_stopped(work, when_stopped=EXIT_INTERRUPTED))


async def _demonstrate(options: "StackOptions", audio: Path) -> int:
    from callscribe.transcribe import TranscribeOptions, run
    from callscribe.up import running_stack

    times = [time.monotonic()]
    print("starting Redis and every service, each a process of its own", flush=True)
    async with running_stack(options) as stack:
        times.append(time.monotonic())
        ready = sorted(stack.ready_after.items(), key=lambda item: item[1])
        print("ready: " + ", ".join(f"{name} {after:.1f} s" for name, after in ready))
        print(f"calling with {audio}, at the pace of a live call", flush=True)
        url = "ws" + stack.url.removeprefix("http") + "/ws/asr"
        code = await stack.run(run(TranscribeOptions(files=[audio], url=url)))
        times.append(time.monotonic())
    times.append(time.monotonic())
    spent = [end - start for start, end in pairwise(times)]
    print("time spent: start {:.1f} s, call {:.1f} s, end {:.1f} s".format(*spent))
    return code


def _loadtest(argv: list[str]) -> int:
    """Call a server many times at once and say how the calls fared."""
    from callscribe.loadtest import command

    return command.main(argv)


def _dead_letters(argv: list[str]) -> int:
    """List what the workers gave up, or try it again."""
    from callscribe import dead_letters

    parser = FlagParser(prog="callscribe dead-letters", allow_abbrev=False)
    parser.description = "List what the workers gave up, or try it again."
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|replay")
    listing = actions.add_parser("list", help="print the dead letters", allow_abbrev=False)
    listing.add_argument("--stage", choices=dead_letters.STAGES, help="default: all")
    listing.add_argument("--json", action="store_true", help="print them as JSON lines")
    replaying = actions.add_parser(
        "replay", help="try dead letters again; what succeeds is removed", allow_abbrev=False
    )
    which = replaying.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", default=[], metavar="ID", help="as `list` prints it")
    which.add_argument("--all", action="store_true", help="all there are")
    for each in (listing, replaying):
        each.add_argument("--redis-url", metavar="URL", help="the Redis of the calls")
    arguments = parser.parse_args(argv)
    given = [] if arguments.redis_url is None else ["--redis-url", arguments.redis_url]
    settings, _ = resolve(CommonSettings, given, os.environ)
    if arguments.action == "list":
        stages = [arguments.stage] if arguments.stage else dead_letters.STAGES
        return asyncio.run(dead_letters.show(settings.redis_url, stages, as_json=arguments.json))
    return asyncio.run(dead_letters.replay(settings.redis_url, arguments.ids))


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "up": _up,
    "demo": _demo,
    "transcribe": _transcribe,
    "loadtest": _loadtest,
    "dead-letters": _dead_letters,
    "check-config": _check_config,
}
