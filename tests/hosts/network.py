"""A network of its own for hosts of a test: a switch, a cable to each host, one to this machine.

The switch is a bridge in a namespace, where no rule of this machine's firewall holds. Needs root.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SWITCH = "callscribe-switch"
_OURS = "callscribe0"


def namespace(host: str) -> str:
    """Return the name of a host's namespace."""
    return f"callscribe-{host}"


def plug(host: str) -> str:
    """Return the end of a host's cable at the switch."""
    return f"port-{host}"


def run(*words: str) -> None:
    """Run a command of the system; fail with what it says."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


@contextmanager
def lan(addresses: Mapping[str, str], own: str) -> Iterator[None]:
    """Make the network of hosts, by name, and of this machine, which has the address `own`."""
    spaces = [SWITCH, *map(namespace, addresses)]
    _remove(spaces)  # of a run that was killed
    try:
        for space in spaces:
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", SWITCH, "link", "add", "switch", "type", "bridge")
        run("ip", "-n", SWITCH, "link", "set", "switch", "up")
        for host, address in addresses.items():
            _cable(host, namespace(host))
            _up(["-n", namespace(host)], "eth0", address)
        run("ip", "link", "add", _OURS, "type", "veth", "peer", "name", plug("own"))
        run("ip", "link", "set", plug("own"), "netns", SWITCH)
        _plug_in("own")
        _up([], _OURS, own)
        yield
    finally:
        _remove(spaces)


def _cable(host: str, space: str) -> None:
    there = ["type", "veth", "peer", "name", "eth0", "netns", space]
    run("ip", "-n", SWITCH, "link", "add", plug(host), *there)
    _plug_in(host)


def _plug_in(host: str) -> None:
    run("ip", "-n", SWITCH, "link", "set", plug(host), "master", "switch", "up")


def _up(where: list[str], device: str, address: str) -> None:
    run("ip", *where, "address", "add", f"{address}/24", "dev", device)
    run("ip", *where, "link", "set", device, "up")


def _remove(spaces: list[str]) -> None:
    """Remove the namespaces, and with them every cable."""
    for words in (["ip", "link", "del", _OURS], *(["ip", "netns", "del", each] for each in spaces)):
        subprocess.run(words, capture_output=True, check=False)


def cut(host: str) -> None:
    """Pull a host's cable: nobody is told."""
    run("ip", "-n", SWITCH, "link", "set", plug(host), "down")


def mend(host: str) -> None:
    """Put it in again."""
    run("ip", "-n", SWITCH, "link", "set", plug(host), "up")
