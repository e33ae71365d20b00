"""A leg through DeepFilterNet3 itself: killed in mid-speech, taken over, as if nothing happened."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr

from common.audio import float_to_pcm16, pcm16_to_float
from common.bus.wire import AUDIO_ORDER, NOTHING, Chunk, Control, Mark
from common.stage.api import Audio, Done, Recovery, Relay
from denoise_worker.alignment import WARM_UP
from denoise_worker.leg import DenoiseLeg
from denoise_worker.model import DeepFilter

RATE = 16_000
FRAME = 320
FLUSH_AT = 5 * RATE


@pytest.fixture(scope="module")
def make():
    model = DeepFilter()
    yield lambda: model.open(post_filter=False, attenuation_limit=None)
    model.close()


@pytest.fixture(scope="module")
def entries(shared_speech):
    samples, rate = soundfile.read(shared_speech / "noisy_snr0_48k.wav", dtype="float32")
    samples = soxr.resample(samples, rate, RATE)[: 8 * RATE]
    log: list[Chunk | Control] = []
    for end in range(FRAME, len(samples) + 1, FRAME):
        log.append(Chunk(end, float_to_pcm16(samples[end - FRAME : end])))
        if end == FLUSH_AT:
            log.append(Control(end, 2, {"t": "flush"}))
    return [*log, Control(len(samples), 2, {"t": "end"})]


def audio(effects):
    parts = [effect for effect in effects if isinstance(effect, Audio)]
    assert all(a.end == b.end - len(b.pcm) // 2 for a, b in pairwise(parts))
    return pcm16_to_float(b"".join(part.pcm for part in parts))


@pytest.fixture(scope="module")
def uninterrupted(make, entries):
    leg = DenoiseLeg(make, Recovery(None, NOTHING))
    return [effect for entry in entries for effect in leg.advance([entry])]


def test_a_flush_passes_46_ms_on_at_most(uninterrupted, entries):
    given = np.concatenate([pcm16_to_float(e.pcm) for e in entries if isinstance(e, Chunk)])
    output = audio(uninterrupted)
    assert len(output) == len(given)
    at = next(n for n, effect in enumerate(uninterrupted) if isinstance(effect, Relay))
    assert len(audio(uninterrupted[:at])) == FLUSH_AT
    raw = given == output
    start = FLUSH_AT - 686
    assert raw[start:FLUSH_AT].all()
    assert not raw[start - 100 : start].all()
    assert not raw[FLUSH_AT : FLUSH_AT + 100].all()


def test_all_at_once_gives_the_same_clean_stream(make, entries, uninterrupted):
    effects = DenoiseLeg(make, Recovery(None, NOTHING)).advance(entries)
    np.testing.assert_array_equal(audio(effects), audio(uninterrupted))
    assert effects[-1] == Done()


def test_a_take_over_continues_where_the_old_owner_ended(make, entries, uninterrupted):
    old = DenoiseLeg(make, Recovery(None, NOTHING))
    written = [effect for entry in entries[:200] for effect in old.advance([entry])]
    saved = old.snapshot()
    written += [effect for entry in entries[200:230] for effect in old.advance([entry])]
    emitted = len(audio(written))

    new = DenoiseLeg(make, Recovery(saved.state, Mark(emitted, AUDIO_ORDER)))
    assert emitted - new.reads_from >= WARM_UP
    left = [entry for entry in entries if entry.mark > (new.reads_from, AUDIO_ORDER)]
    rest = new.advance(left)

    whole, joined = audio(uninterrupted), audio([*written, *rest])
    assert len(joined) == len(whole)
    np.testing.assert_array_equal(joined[:emitted], whole[:emitted])
    error = joined[emitted:] - whole[emitted:]
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(whole[emitted:])
    assert [e for e in rest if isinstance(e, Relay)] == [
        e for e in uninterrupted if isinstance(e, Relay)
    ]
