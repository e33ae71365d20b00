"""What attackers hold: the good counts and the wrong does not, by the gateway's own code."""

from pathlib import Path

import pytest

from common.settings import load
from gateway.access.authority import Rejected
from gateway.access.keyring import read_file
from gateway.policies import Policies
from gateway.settings import GatewaySettings
from tests.attack.guarded import Guards, guards
from tests.attack.holdings import Holdings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def made(folder: Path) -> Guards:
    return guards(folder)


@pytest.fixture(scope="module")
def settings(made: Guards) -> GatewaySettings:
    return load(GatewaySettings, made.layout.flags["gateway"], {})


def test_a_neighbour_s_token_counts_and_forged_ones_do_not(made, settings):
    authority = Policies.of(settings).authority
    assert authority is not None
    assert authority.check(made.neighbour).tenant == "polite"
    forged = [each for each in made.holdings.wrong if each.name.startswith("JWT")]
    assert len(forged) > 20
    for each in forged:
        with pytest.raises(Rejected):
            authority.check(each.credential)


def test_keys_are_in_the_file(made, settings):
    keys = read_file(settings.keys_file)
    for key in (made.newcomer, made.holdings.victim, made.holdings.rude, made.holdings.few):
        assert keys[key[3:11]].digest
    assert keys[made.holdings.few[3:11]].sessions == 2
    assert keys[made.holdings.victim[3:11]].tenant != keys[made.holdings.rude[3:11]].tenant


def test_every_kind_of_wrong_key_is_another(made):
    names = [each.name for each in made.holdings.wrong]
    assert len({*names}) == len(names)
    codes = {each.code for each in made.holdings.wrong}
    assert codes == {
        *("missing_key", "unknown_key", "revoked_key", "expired_key"),
        *("unknown_token", "expired_token"),
    }


def test_holdings_reach_the_attacker_as_they_are(made, tmp_path):
    made.holdings.write(tmp_path / "holdings.json")
    assert Holdings.read(tmp_path / "holdings.json") == made.holdings
