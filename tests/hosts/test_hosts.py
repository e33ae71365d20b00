"""Three hosts from one inventory: the steps of docs/hosts.md as they are printed, a call, and calls
while each host is cut off. ``make test-hosts``.
"""

import asyncio
import json
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which

import pytest

from callscribe.client.trust import trust
from callscribe.hosts.inventory import Inventory, parse
from tests.chaos.judge import Spoken, Verdict, judge
from tests.documents import Block, blocks
from tests.hosts import network
from tests.hosts.calls import Course, hold
from tests.hosts.machine import PROGRAMS, Machine
from tests.hosts.operator import Operator
from tests.integration.callscribe.processes import until, until_true

OWN_ADDRESS = "10.77.0.254"
CALLS = 4
CUT_AT_S = 10.0
CUT_S = {"two": 20.0, "three": 20.0, "one": 10.0}
"""How long each host is cut off, in this order: longer than its calls take to go elsewhere."""
STEPS = [each for each in blocks("docs/hosts.md") if each.language in ("sh", "toml")]
INVENTORY = "inventory.toml"
# What a busy machine measures must not send calls away.
SETTINGS = "\n[settings]\nasr_load = 0\n"

pytestmark = pytest.mark.timeout(1800)


def missing() -> str:
    """Return why this machine can have no hosts; empty if it can."""
    if os.geteuid() != 0:
        return "hosts of their own need root"
    absent = sorted({package for program, package in PROGRAMS.items() if which(program) is None})
    return f"these packages of Debian are missing: {' '.join(absent)}" if absent else ""


@dataclass
class Site:
    """The hosts after the last step of the page."""

    inventory: Inventory
    operator: Operator
    machines: dict[str, Machine]
    booted: float

    @property
    def key(self) -> str:
        """The API key that was made."""
        return (self.operator.clone / "key").read_text().strip()

    @property
    def tls(self) -> ssl.SSLContext:
        """What trusts the site."""
        return trust(self.secrets / "authority.pem")

    @property
    def secrets(self) -> Path:
        """Where the operator keeps them."""
        return self.operator.clone / "build" / "hosts" / "secrets"

    @property
    def urls(self) -> list[str]:
        """Where callers call."""
        return [f"wss://{each.address}/ws/asr" for each in self.inventory.proxies]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return three hosts on which every step of the page was done."""
    if reason := missing():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("hosts")
    (text,) = [step.text for step in STEPS if step.language == "toml"]
    inventory = parse(text)
    addresses = {host.name: host.address for host in inventory.hosts}
    operator = Operator(directory / "operator")
    operator.meet(addresses)
    with ExitStack() as resources:
        resources.callback(rmtree, directory)  # gigabytes
        resources.enter_context(network.lan(addresses, OWN_ADDRESS))
        machines = {
            name: Machine(name, address, directory / name, operator.public_key)
            for name, address in addresses.items()
        }
        for machine in machines.values():
            resources.callback(machine.close)
            machine.boot()
        began = time.monotonic()
        for step in STEPS:
            do(step, operator)
        yield Site(inventory, operator, machines, time.monotonic() - began)


def do(step: Block, operator: Operator) -> None:
    """Do a step of the page as it is printed."""
    if step.language == "toml":
        (operator.clone / INVENTORY).write_text(step.text + SETTINGS)
    else:
        operator.run(step.text, timeout=900)


def test_twelve_steps_lead_to_a_call(site: Site):
    for command, seconds in site.operator.log:
        print(f"{seconds:6.1f} s  {command}")
    print(f"{site.booted:6.1f} s  in all")
    assert len(STEPS) == 12
    said = site.operator.said[-1]
    for words in (
        "Thank you for calling Northwind Energy",
        "Could you send us a photo of the meter",
    ):
        assert words in said
    assert (site.operator.clone / "key").stat().st_mode & 0o777 == 0o600


def test_nothing_failed_and_no_log_has_a_secret(site: Site):
    secrets = [path.read_text().strip() for path in (site.secrets / "redis").iterdir()]
    for machine in site.machines.values():
        assert machine.run("systemctl", "--failed", "--no-legend") == ""
        log = machine.run("journalctl", "--no-pager", "--output", "json")
        assert [each for each in (*secrets, site.key) if each in log] == []
    assert [each for each in secrets if any(each in said for said in site.operator.said)] == []


def test_prometheus_sees_every_process(site: Site):
    asked = "http://127.0.0.1:9090/api/v1/targets?state=active"
    one = site.machines["one"]

    def unseen() -> list[str]:
        found = json.loads(one.run("curl", "--silent", "--fail", asked))["data"]["activeTargets"]
        assert len(found) == 2 + sum(sum(host.counts.values()) for host in site.inventory.hosts)
        return [
            f"{each['scrapeUrl']} {each['lastError']}" for each in found if each["health"] != "up"
        ]

    until(lambda: not unseen(), 60)
    assert "redis_up 1" in one.run("curl", "--silent", "http://127.0.0.1:9121/metrics")


def test_redis_refuses_no_service(site: Site):
    """The exporter alone asks for more than it may; docs/redis.md."""
    settings = ["-h", "10.77.0.1", "--tls", "--cacert", "/etc/callscribe/ca.pem"]
    password = (site.secrets / "redis" / "admin").read_text().strip()
    words = ["--user", "admin", "--pass", password, "--no-auth-warning", "--json", "ACL", "LOG"]
    refused = json.loads(site.machines["one"].run("redis-cli", *settings, *words))
    assert {each["username"] for each in refused} <= {"metrics"}


async def talk(site: Site, cut_off: str | None) -> list[Course]:
    """Make calls, half of them first at each proxy; meanwhile a host is cut off and comes back."""
    urls = site.urls
    courses = [Course(urls if number % 2 else urls[::-1]) for number in range(CALLS)]
    async with asyncio.TaskGroup() as tasks:
        for course in courses:
            tasks.create_task(hold(course, site.key, site.tls))
        if cut_off is not None:
            await until_true(lambda: min(each.sent_s for each in courses) > CUT_AT_S, 60)
            await asyncio.to_thread(network.cut, cut_off)
            try:
                await asyncio.sleep(CUT_S[cut_off])
            finally:
                await asyncio.to_thread(network.mend, cut_off)
    return courses


@pytest.fixture(scope="module")
def undisturbed(site: Site) -> list[Spoken]:
    """Return what a call is told when nothing happens."""
    first, *others = asyncio.run(talk(site, None))
    for other in others:
        assert (judge(first.finals, other.finals).wrong, other.wrong) == (0, [])
    return first.finals


@pytest.mark.parametrize("host", CUT_S)
def test_a_host_that_is_cut_off_costs_no_word(site: Site, undisturbed: list[Spoken], host: str):
    courses = asyncio.run(talk(site, host))
    began = time.monotonic()
    until(lambda: is_ready(site, host), 60)
    back = time.monotonic() - began
    total = Verdict()
    for course in courses:
        assert course.wrong == []
        total.add(judge(undisturbed, course.finals))
    outages = [seconds for course in courses for seconds in course.outages]
    print(
        f"{host} cut off for {CUT_S[host]:g} s: {len(courses)} calls, {total.words} words,"
        f" {total.lost} lost, {total.wrong} wrong; resumed {len(outages)} times,"
        f" ready {back:.1f} s after the last call"
    )
    assert (total.lost, total.wrong) == (0, 0), total
    # Without Redis calls wait where they are.
    assert bool(outages) == (host != "one")


def is_ready(site: Site, name: str) -> bool:
    """Whether everything on a host is."""
    (host,) = [each for each in site.inventory.hosts if each.name == name]
    machine = site.machines[name]
    pages = [
        f"http{'s' if role.name == 'gateway' else ''}://{host.address}:{port}/ready"
        for role in host.roles
        for port in host.ports(role)
    ]
    ask = (
        "curl --silent --cacert /etc/callscribe/ca.pem --output /dev/null --write-out %{http_code}"
    )
    return all(machine.run("sh", "-c", f"{ask} {page} || true") == "200" for page in pages)
