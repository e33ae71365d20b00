"""The fuzz suite in short: some inputs for each codec and each listener."""

import pytest

from gateway.protocols import PROTOCOLS
from tests.fuzz import codecs, gateway, streams
from tests.fuzz.__main__ import grown


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_codec_bears_what_is_no_dialogue(protocol):
    assert codecs.fuzz(protocol, 25, from_seed=1) > 0


def test_the_decoder_of_compressed_streams_bears_any_damage():
    assert streams.fuzz(100, from_seed=1) > 0


def test_a_gateway_bears_it_too(tmp_path):
    with gateway.target(tmp_path / "log") as target:
        gateway.attack(target, 12, from_seed=1)
    assert sum(target.inputs.values()) > 12 * len(PROTOCOLS)
    assert grown(target.megabytes) < gateway.MOST_GROWTH_MB
