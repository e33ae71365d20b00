"""The features are those that the model's own extractor gives vLLM for the waveform."""

import numpy as np
import pytest
import soundfile

from asr_worker.qwen.clips import clips
from asr_worker.qwen.features import extend
from common.audio import SAMPLE_RATE, FloatArray

transformers = pytest.importorskip("transformers", reason="make test-vllm")
EXTRACTOR = transformers.Qwen3ASRFeatureExtractor()


def reference(audio: FloatArray) -> FloatArray:
    """Return the unpadded frames, as `Qwen3ASRMultiModalProcessor` passes them on."""
    made = EXTRACTOR(
        [audio],
        sampling_rate=SAMPLE_RATE,
        padding=True,
        truncation=False,
        return_attention_mask=True,
        return_tensors="np",
    )
    mask = made["attention_mask"][0].astype(bool)
    return np.asarray(made["input_features"][0][:, mask], dtype=np.float32)


def grown(audio: FloatArray) -> FloatArray:
    spectrum = None
    for length in [*range(0, len(audio), 12_345), len(audio)]:
        spectrum = extend(spectrum, audio[:length])
    assert spectrum is not None
    return np.concatenate([clip.features() for clip in clips(spectrum)], axis=1)


def noise(samples: int) -> FloatArray:
    return (np.random.default_rng(4).standard_normal(samples) * 0.1).astype(np.float32)


SECONDS = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
SIGNALS = {
    "silence": np.zeros(48_000, np.float32),
    "direct current": np.full(48_000, 0.9, np.float32),
    "clipping": np.clip(noise(200_000) * 30, -1, 1),
    "sine": np.sin(2 * np.pi * 437.0 * SECONDS).astype(np.float32),
    **{
        f"{length} samples": noise(length)
        for length in (0, 1, 159, 160, 7_999, 8_000, 8_159, 128_000, 128_001, 128_200, 480_000)
    },
}


@pytest.mark.parametrize("name", SIGNALS)
def test_features_are_those_of_the_model_s_extractor(name):
    expected, actual = reference(SIGNALS[name]), grown(SIGNALS[name])
    assert actual.shape == expected.shape
    # The worst is the sine (7e-5): torch's float32 transform against numpy's, far below the peak.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


def test_a_recording_keeps_its_features(shared_speech):
    audio, _ = soundfile.read(shared_speech / "harvard_16k.wav", dtype="float32")
    np.testing.assert_allclose(grown(audio), reference(audio), rtol=0, atol=1e-4)
