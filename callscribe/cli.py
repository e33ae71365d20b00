"""The callscribe command: runs services, the local stack, and files through it.

Exit codes: 0 done, 1 failed, 2 misuse (one line on stderr says which), 130 interrupted. A command
whose reader has left, as `head` does, ends silently with 1.
Every command does its own imports, so that none waits for another's libraries.
"""

import errno
import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint

from callscribe import __version__
from callscribe.terminal import stdout
from callscribe.terminal.telling import tell
from common import setting_names
from common.errors import CallscribeError, SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MISUSE, all_stays


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # A command says itself what went wrong; a service configures its log.
    logging.lastResort = None
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments.pop(0) if arguments else "--help"
    try:
        with stdout.watched():
            return _run(name, arguments)
    except stdout.StdoutError as error:
        stdout.abandon(sys.stdout)
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
    services = {each.name: _service(each) for each in setting_names.entries()}
    commands = {**COMMANDS, **services}
    if name not in commands:
        raise SettingsError(f"no such command; there are {', '.join(commands)}")
    return commands[name]


def _usage() -> str:
    lines = ["usage: callscribe COMMAND [--help] ...", "", "commands:"]
    lines += [f"  {name:14}{_summary(command)}" for name, command in COMMANDS.items()]
    lines += ["", "services, each a process of its own:"]
    for entry in setting_names.entries():
        package = importlib.import_module(setting_names.package_of(entry))
        lines.append(f"  {entry.name:14}{_summary(package)}")
    return "\n".join([*lines, "", "  --version     print the version"])


def _summary(documented: object) -> str:
    return (documented.__doc__ or "").partition("\n")[0]


def _service(entry: EntryPoint) -> Callable[[list[str]], int]:
    """Return the command that runs a service in this process, by its package's `__main__.main`."""

    def run(argv: list[str]) -> int:
        try:
            with all_stays():
                module = importlib.import_module(f"{setting_names.package_of(entry)}.__main__")
            result: int = module.main(argv)
        except ModuleNotFoundError as error:
            raise SettingsError(f"{error}; is callscribe[{entry.name}] installed?") from error
        return result

    return run


def _up(argv: list[str]) -> int:
    """Start Redis, a gateway and the workers on this machine, until Ctrl-C."""
    from callscribe.commands import up

    return up.main(argv)


def _demo(argv: list[str]) -> int:
    """Start everything, send a sample call or AUDIO through it, and end everything."""
    from callscribe.commands import demo

    return demo.main(argv)


def _transcribe(argv: list[str]) -> int:
    """Send audio files to a running gateway and print what was said."""
    from callscribe.commands import transcribe

    return transcribe.main(argv)


def _trace(argv: list[str]) -> int:
    """Show when each step towards the finals of a call was done."""
    from callscribe.commands import trace

    return trace.main(argv)


def _turns(argv: list[str]) -> int:
    """Show how other settings would have ended the turns of stored calls."""
    from callscribe.commands import turns

    return turns.main(argv)


def _listen(argv: list[str]) -> int:
    """Send what the microphone hears to a running gateway and print what was said."""
    from callscribe.commands import listen

    return listen.main(argv)


def _watch(argv: list[str]) -> int:
    """Print what is said in a call, or list the running calls."""
    from callscribe.commands import watch

    return watch.main(argv)


def _loadtest(argv: list[str]) -> int:
    """Open many concurrent calls to a server and report how they went."""
    from callscribe.loadtest import command

    return command.main(argv)


def _prove(argv: list[str]) -> int:
    """Find and prove how many calls this machine carries."""
    from callscribe.prove import command

    return command.main(argv)


def _keys(argv: list[str]) -> int:
    """Make, list, revoke or rotate the API keys of a deployment."""
    from callscribe.commands import keys

    return keys.main(argv)


def _dead_letters(argv: list[str]) -> int:
    """List what the workers gave up, or try it again."""
    from callscribe.commands import dead_letters

    return dead_letters.main(argv)


def _sinks(argv: list[str]) -> int:
    """Show what sinks lack, tell one again, or skip a call that is stuck."""
    from callscribe.commands import sinks

    return sinks.main(argv)


def _certificate(argv: list[str]) -> int:
    """Make a self-signed TLS certificate in a directory, unless there is one."""
    from callscribe.commands import certificate

    return certificate.main(argv)


def _redis_acl(argv: list[str]) -> int:
    """Print an ACL file for Redis: a user with the least rights for each service."""
    from callscribe.commands import redis_acl

    return redis_acl.main(argv)


def _hosts(argv: list[str]) -> int:
    """Write the files of every host of a site, from one inventory."""
    from callscribe.commands import hosts

    return hosts.main(argv)


def _check_config(argv: list[str]) -> int:
    """Print the settings in effect with their sources, or what is wrong with them."""
    from callscribe.commands import check_config

    return check_config.main(argv)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "up": _up,
    "demo": _demo,
    "transcribe": _transcribe,
    "listen": _listen,
    "watch": _watch,
    "trace": _trace,
    "turns": _turns,
    "loadtest": _loadtest,
    "prove": _prove,
    "keys": _keys,
    "dead-letters": _dead_letters,
    "sinks": _sinks,
    "certificate": _certificate,
    "redis-acl": _redis_acl,
    "hosts": _hosts,
    "check-config": _check_config,
}
