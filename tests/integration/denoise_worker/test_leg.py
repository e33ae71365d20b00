"""A leg through DeepFilterNet3 itself: killed in mid-speech, taken over, as if nothing happened."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr

from common.audio import float_to_pcm16, pcm16_to_float
from common.bus.wire import AUDIO_ORDER, NOTHING, Chunk, Control, StreamId
from common.pipeline.control import End, Flush
from common.stage.api import Audio, Done, Recovery, Relay
from denoise_worker.alignment import DELAY, HOP
from denoise_worker.leg import DenoiseLeg
from denoise_worker.mixing import Mixer
from denoise_worker.model import DeepFilter

RATE = 16_000
FRAME = 320
FLUSH_AT = 5 * RATE


@pytest.fixture(scope="module")
def model():
    return DeepFilter()


@pytest.fixture(scope="module")
def make(model):
    return lambda memory: model.open(memory=memory)


def mixing(memory):
    return Mixer(6.0, memory)


@pytest.fixture(scope="module")
def entries(shared_speech):
    samples, rate = soundfile.read(shared_speech / "noisy_snr0_48k.wav", dtype="float32")
    samples = soxr.resample(samples, rate, RATE)[: 8 * RATE]
    log: list[Chunk | Control] = []
    for end in range(FRAME, len(samples) + 1, FRAME):
        log.append(Chunk(end, float_to_pcm16(samples[end - FRAME : end])))
        if end == FLUSH_AT:
            log.append(Control(end, 2, Flush()))
    return [*log, Control(len(samples), 2, End())]


def audio(effects):
    parts = [effect for effect in effects if isinstance(effect, Audio)]
    assert all(a.end == b.end - len(b.pcm) // 2 for a, b in pairwise(parts))
    return pcm16_to_float(b"".join(part.pcm for part in parts))


def advance(model, leg, entries):
    return leg.conclude(model.run(leg.ingest(entries)))


@pytest.fixture(scope="module")
def uninterrupted(model, make, entries):
    leg = DenoiseLeg(make, mixing, Recovery(None, NOTHING))
    return [effect for entry in entries for effect in advance(model, leg, [entry])]


def test_a_flush_passes_40_ms_on_at_most(uninterrupted, entries):
    given = np.concatenate([pcm16_to_float(e.pcm) for e in entries if isinstance(e, Chunk)])
    output = audio(uninterrupted)
    assert len(output) == len(given)
    at = next(n for n, effect in enumerate(uninterrupted) if isinstance(effect, Relay))
    assert len(audio(uninterrupted[:at])) == FLUSH_AT
    raw = given == output
    start = (FLUSH_AT - DELAY) // HOP * HOP
    assert raw[start:FLUSH_AT].all()
    assert not raw[start - 100 : start].all()
    assert not raw[FLUSH_AT : FLUSH_AT + 100].all()


def test_all_at_once_gives_the_same_clean_stream(model, make, entries, uninterrupted):
    effects = advance(model, DenoiseLeg(make, mixing, Recovery(None, NOTHING)), entries)
    np.testing.assert_array_equal(audio(effects), audio(uninterrupted))
    assert effects[-1] == Done()


def test_a_take_over_changes_no_sample(model, make, entries, uninterrupted):
    old = DenoiseLeg(make, mixing, Recovery(None, NOTHING))
    written = [effect for entry in entries[:200] for effect in advance(model, old, [entry])]
    saved = old.snapshot().state
    written += [effect for entry in entries[200:230] for effect in advance(model, old, [entry])]
    emitted = len(audio(written))

    new = DenoiseLeg(make, mixing, Recovery(saved, StreamId(emitted, AUDIO_ORDER)))
    assert new.reads_from == 200 * FRAME
    left = [entry for entry in entries if entry.stream_id > (new.reads_from, AUDIO_ORDER)]
    rest = advance(model, new, left)

    np.testing.assert_array_equal(audio([*written, *rest]), audio(uninterrupted))
    assert [e for e in rest if isinstance(e, Relay)] == [
        e for e in uninterrupted if isinstance(e, Relay)
    ]


def test_a_checkpoint_stays_small(model, make, entries):
    leg = DenoiseLeg(make, mixing, Recovery(None, NOTHING))
    advance(model, leg, entries[:100])
    assert len(leg.snapshot().state) < 30_000
