from itertools import islice

import pytest

from gateway.access.rules import NEEDS, Need
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Carrier, Transport
from tests.attack.doors import Door, attempts, handshakes, paths, plain_ports
from tests.attack.holdings import Holdings, Wrong

PORTS = {each.port: number for number, each in enumerate(PROTOCOLS, 1) if each.port}
HELD = Holdings(
    ports=PORTS,
    victim="a",
    rude="b",
    caller="c",
    reader="d",
    few="e",
    seldom="f",
    wrong=[Wrong("no key", "", "missing_key"), Wrong("nonsense", "x y", "unknown_key")],
)


def test_every_path_that_needs_a_key_is_a_door():
    needy = {pair for pair, need in NEEDS.items() if need is not Need.NOTHING}
    assert {(door.method, door.path) for door in paths("{id}")} == needy


def test_every_protocol_is_a_door_or_a_port_of_its_own():
    found = [(door.path.partition("?")[0], door.port) for door in handshakes("one", HELD)]
    for each in PROTOCOLS:
        if each.transport is Transport.WEBSOCKET:
            assert (each.path, PORTS.get(each.port, 0)) in found
        else:
            assert PORTS[each.port] in plain_ports(HELD)


@pytest.mark.parametrize(("carrier", "ways"), [(Carrier.HEADERS, 5), (Carrier.QUERY, 6)])
def test_a_credential_is_shown_in_each_way(carrier, ways):
    door = Door(path="/ws?a=b", handshake=True, carrier=carrier)
    shown = door.ways("x\xff")
    assert len({*shown}) == ways
    assert (b"GET /ws?a=b&token=x%C3%BF " in shown[-1]) is (carrier is Carrier.QUERY)
    assert door.ways("") == [door.request(())]


def test_attempts_go_on_with_another_way():
    doors = len([*paths("one"), *handshakes("one", HELD)])
    waiting = sum(door.carrier is Carrier.MESSAGES for door in handshakes("one", HELD))
    round_ = 2 * doors - waiting
    tries = [*islice(attempts("one", HELD), 2 * round_)]
    first, second = tries[:round_], tries[round_:]
    assert [each[:3] for each in first] == [each[:3] for each in second]
    assert first[-1][3] != second[-1][3]
    assert {code for _, _, code, _ in first} == {"missing_key", "unknown_key"}
