from itertools import takewhile

import numpy as np
import pytest

from tests.chaos.scripts import NATIVE, Aside, Flush, Introduce, Say, Script, others, scripts
from tests.integration.protocols.clients import CLIENTS

CLIPS = [np.zeros(16_000 * seconds, np.float32) for seconds in (1, 3)]
SEEDS = range(7)


def frame(script: Script) -> int:
    width = {"pcm16": 2, "mulaw": 1}[script.options.encoding]
    return width * script.options.channels


def visits(seed: int) -> list[Script]:
    return others(seed, CLIPS, seconds=(6.0, 14.0))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_scripts(seed):
    assert visits(seed) == visits(seed)
    assert scripts(seed, 9, CLIPS) == scripts(seed, 9, CLIPS)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_protocol_has_a_script_for_one_channel_and_for_two(seed):
    assert {(each.protocol, each.options.channels) for each in visits(seed)} == {
        (name, sound.channels)
        for name, client in CLIENTS.items()
        for sound in client.formats
        if name != NATIVE
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flush_comes_where_a_frame_ends_and_may_drop_a_part_of_one(seed):
    odd = 0
    for script in [*scripts(seed, 9, CLIPS), *visits(seed)]:
        sent = 0
        for step in script.steps:
            if isinstance(step, Say):
                sent += len(step.data)
            elif isinstance(step, Flush):
                assert sent % frame(script) == 0
                assert len(step.odd) < frame(script)
                odd += len(step.odd)
        assert not any(step.odd for step in script.plain.steps if isinstance(step, Flush))
    assert odd


@pytest.mark.parametrize("seed", SEEDS)
def test_visitors_flush_and_speak_aside_and_may_be_early(seed):
    cut = 0
    for script in visits(seed):
        client = CLIENTS[script.protocol]
        early = [*takewhile(lambda step: not isinstance(step, Introduce), script.steps)]
        assert all(isinstance(step, Say) for step in early)
        assert bool(early) == client.early
        assert any(isinstance(step, Flush) for step in script.steps) == bool(client.flushes)
        spoken_aside = any(isinstance(step, Aside) for step in script.steps)
        assert spoken_aside or script.protocol == "stream_tcp"
        cut += any(len(s.data) % frame(script) for s in script.steps if isinstance(s, Say))
    assert cut
