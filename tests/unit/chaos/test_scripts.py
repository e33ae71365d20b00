from itertools import pairwise

import numpy as np
import pytest

from common.audio import FloatArray, pcm16_to_float
from gateway.protocols import PROTOCOLS
from gateway.protocols.commands import AudioFormat
from gateway.uplink.decoder import AudioDecoder
from tests.chaos.scripts import Configure, Flush, Say, Script, others, scripts

CLIPS: list[FloatArray] = [
    np.random.default_rng(seconds).uniform(-0.5, 0.5, seconds * 16_000).astype(np.float32)
    for seconds in (1, 2, 3)
]
SCRIPTS = scripts(7, 8, CLIPS, seconds=(4.0, 8.0), denoise=True)


def audio(script: Script) -> bytes:
    return b"".join(step.data for step in script.steps if isinstance(step, Say))


def test_the_seed_is_the_script():
    assert scripts(7, 8, CLIPS, seconds=(4.0, 8.0), denoise=True) == SCRIPTS
    assert scripts(8, 8, CLIPS, seconds=(4.0, 8.0), denoise=True) != SCRIPTS
    assert len({script.name for script in SCRIPTS}) == 8


def test_the_last_one_is_denoised_if_wanted():
    assert [script.options.denoise for script in SCRIPTS] == [None] * 7 + [True]
    assert not any(s.options.denoise for s in scripts(7, 8, CLIPS, seconds=(4.0, 8.0)))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_lasts_as_long_as_its_audio(script: Script):
    options = script.options
    seconds = len(audio(script)) / options.frame_bytes / options.sample_rate
    assert script.seconds == seconds
    assert 4.0 <= seconds <= 8.0 + 1.2
    ends = [step.until for step in script.steps if isinstance(step, Say)]
    assert all(a < b for a, b in pairwise(ends))


def test_there_is_something_of_everything():
    kinds = {type(step) for script in SCRIPTS for step in script.steps}
    assert kinds == {Say, Flush, Configure}
    options = [script.options for script in SCRIPTS]
    assert {each.encoding for each in options} == {"pcm16", "mulaw"}
    assert {each.channels for each in options} == {1, 2}
    assert {each.interim_results for each in options} == {None, False}


def test_callers_switch_what_may_be_switched():
    many = scripts(7, 64, CLIPS, seconds=(4.0, 8.0), denoise=True)
    changes = [s.changes for each in many for s in each.steps if isinstance(s, Configure)]
    assert {"words", "interim_results"} <= {name for change in changes for name in change}
    denoised = [
        scripts(seed, 1, CLIPS, seconds=(4.0, 8.0), denoise=True)[0].steps for seed in range(9)
    ]
    switches = [s.changes for steps in denoised for s in steps if isinstance(s, Configure)]
    assert {change["denoise"] for change in switches} == {True, False}
    assert not all(script.partials for script in many if script.options.interim_results is None)


def test_mulaw_is_what_the_gateway_takes_for_it():
    mulaw = next(s for s in SCRIPTS if s.name == "1-telephone")
    ingest = AudioDecoder(AudioFormat("mulaw", 8_000, 1))
    heard = pcm16_to_float(b"".join([*ingest.push(audio(mulaw)), *ingest.flush()]))
    # Nothing is louder than the clips, and nothing of their power is missing but what is above
    # 4 kHz, half of white noise.
    loud = heard[np.abs(heard) > 0.01]
    assert np.sqrt(np.mean(np.square(loud))) == pytest.approx(
        0.5 / np.sqrt(3) / np.sqrt(2), rel=0.1
    )


def test_every_other_protocol_has_a_script_that_it_can_carry():
    made = others(7, CLIPS, seconds=(2.0, 3.0))
    assert {each.protocol for each in made} == {each.name for each in PROTOCOLS} - {"native"}
    assert made == others(7, CLIPS, seconds=(2.0, 3.0))
    for script in made:
        # They have no controls in common, so every utterance must end by itself.
        assert {type(step) for step in script.steps} == {Say}
        assert script.options.denoise is None
        silence = audio(script)[-script.options.frame_bytes * script.options.sample_rate :]
        assert len(set(silence)) == 1
