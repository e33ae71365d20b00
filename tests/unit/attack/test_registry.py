import pytest

import tests.attack.kin
from tests.attack.registry import ATTACKS, chosen


def test_all_and_the_short_form():
    everything, short = chosen([], short=False), chosen([], short=True)
    assert everything == [*ATTACKS.values()]
    assert short == [each for each in everything if each.short]
    assert 0 < len(short) <= 13


def test_by_name_and_by_kin():
    assert [each.name for each in chosen(["pings"], short=True)] == ["pings"]
    assert {each.kin for each in chosen(["audio"], short=False)} == {"audio"}


def test_what_is_neither():
    with pytest.raises(KeyError, match="whistling"):
        chosen(["pings", "whistling"], short=False)


def test_every_kin_has_attacks_in_its_order():
    assert tuple(dict.fromkeys(each.kin for each in ATTACKS.values())) == tests.attack.kin.KIN
