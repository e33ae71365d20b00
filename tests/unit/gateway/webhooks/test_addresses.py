"""Where webhooks may not go: every form of an address that is not the Internet's."""

import asyncio
import socket
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.sinks.tally import Tally
from gateway.webhooks.addresses import Addresses, Forbidden, Resolver
from gateway.webhooks.rules import WebhookRules, host_of
from gateway.webhooks.sender import Sender
from gateway.webhooks.signing import Secrets

NOT_PUBLIC = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3"),
    *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "169.254.170.2", "192.0.0.192", "198.18.0.1"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "2001:db8::1", "100::1"),
]
PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


class Names(AbstractResolver):
    """Answers each look-up of a name with the next of its addresses."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0)
        rest = {"hostname": host, "port": port, "family": family, "proto": 0, "flags": 0}
        return [{"host": each, **rest} for each in found]

    async def close(self):
        self.answers = []


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_no_public_host_is_forbidden(address):
    assert not Addresses().allow(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address):
    assert Addresses().allow(address)


def test_networks_allow_what_is_in_them_and_nothing_else():
    addresses = Addresses.parse("10.1.0.0/16, fd00:1::/32, 127.0.0.5")
    for address in ("10.1.9.9", "::ffff:10.1.9.9", "64:ff9b::a01:909", "fd00:1::9", "127.0.0.5"):
        assert addresses.allow(address), address
    for address in ("10.2.0.1", "127.0.0.1", "fd00:2::1", "169.254.169.254"):
        assert not addresses.allow(address), address
    assert addresses.allow("1.1.1.1")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "intranet", "10.0.0.0/33"])
def test_what_is_no_network_is_told(text):
    with pytest.raises(ValueError, match="--webhook-networks"):
        WebhookRules.parse("", "", text, None)


async def test_a_name_leads_to_its_allowed_addresses_alone():
    resolver = Resolver(Addresses(), Names(["10.0.0.1", "1.1.1.1", "::1"], ["10.0.0.1", "::1"], []))
    assert [each["host"] for each in await resolver.resolve("crm")] == ["1.1.1.1"]
    with pytest.raises(Forbidden, match=r"crm is at 10\.0\.0\.1, ::1, where"):
        await resolver.resolve("crm")
    assert await resolver.resolve("crm") == []


async def test_a_name_that_is_looked_up_again_is_judged_again():
    taken = []

    async def take(request):
        taken.append(request.transport.get_extra_info("sockname")[0])
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    port = runner.addresses[0][1]
    outcomes: list[str] = []
    # The second answer is the attack: the name was harmless when it was allowed.
    names = Names(["127.0.0.5"], ["127.0.0.6"])
    resolver = Resolver(Addresses.parse("127.0.0.5"), names)
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        sender = Sender(http, Secrets((b"k" * 24,)), Tally(outcomes.append))
        for _ in range(2):
            await sender.post(f"http://crm.example:{port}/", "id", {"type": "final"})
    await runner.cleanup()
    assert (taken, outcomes) == (["127.0.0.5"], ["delivered", "forbidden"])


async def test_numbers_in_other_spellings_are_no_way_round():
    outcomes: list[str] = []
    resolver = Resolver(Addresses(), aiohttp.ThreadedResolver())
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with asyncio.timeout(30), aiohttp.ClientSession(connector=connector) as http:
        sender = Sender(http, Secrets((b"k" * 24,)), Tally(outcomes.append))
        for host in ("localhost", "0x7f.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1"):
            await sender.post(f"http://{host}:1/", "id", {"type": "final"})
    assert outcomes[:3] == ["forbidden"] * 3
    # The library refuses numbers that are no plain address before it looks anything up.
    assert set(outcomes[3:]) <= {"unreachable", "forbidden"}


_PARTS = [
    *("http://", "https:", "//", "crm", "evil", "@", ":", "80", "/", "\\", "#", "?", "%40", "["),
    *("]", "%2f", ".", "。", "\uff43rm", "\u212a", "::1", ";", "&", "\t", " ", "\u00ad", "\u200b"),
]


@given(st.lists(st.sampled_from(_PARTS), max_size=9).map("".join))
def test_the_host_that_is_judged_is_the_host_that_is_asked(url):
    rules = WebhookRules(hosts=frozenset({"crm"}))
    chosen = rules.chosen(url) or None  # empty names none
    assert (chosen is not None) == (host_of(url) == "crm")
    if chosen is not None:
        with suppress(ValueError):  # such a URL is never asked
            assert URL(url).host == "crm"
