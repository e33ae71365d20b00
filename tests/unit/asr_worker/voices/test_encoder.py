"""The encoder against what resemblyzer, librosa and torch make of the same audio.

`tests/fixtures/voices.json` has the embeddings of 1.6 s of four clips, from half a second on, of
resemblyzer 0.1.4 with torch 2.13 and librosa 0.11.
"""

import json
from importlib.resources import as_file, files

import numpy as np
import pytest

from asr_worker.voices import weights
from asr_worker.voices.encoder import VoiceEncoder
from asr_worker.voices.mel import mel_spectra
from asr_worker.voices.network import embeddings
from bench.recordings import channels
from common.audio import SAMPLE_RATE, FloatArray
from common.errors import SettingsError
from common.pipeline.text import VOICE_LENGTH, Voice
from tests.conftest import ROOT

GOLDEN = json.loads((ROOT / "tests/fixtures/voices.json").read_text())["embeddings"]
LEVEL = 10 ** (-30 / 20)


def clip(name: str) -> FloatArray:
    with as_file(files("pytest_audioeval") / "samples" / "audio" / f"{name}.wav") as path:
        return channels(path)[0]


@pytest.fixture(scope="module")
def encoder() -> VoiceEncoder:
    found = VoiceEncoder.installed()
    assert found is not None
    return found


def cosine(one: Voice, other: Voice) -> float:
    a, b = (np.frombuffer(each.numbers, np.int8).astype(float) for each in (one, other))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("name", GOLDEN)
def test_an_embedding_is_that_of_the_original(name):
    found = weights.installed()
    assert found is not None
    audio = clip(name)[8_000 : 8_000 + 25_600]
    audio = audio * np.float32(LEVEL / np.sqrt(np.mean(audio**2)))
    (embedding,) = embeddings(found, mel_spectra(audio)[None, :160])
    assert np.linalg.norm(embedding) == pytest.approx(1)
    assert float(embedding @ np.array(GOLDEN[name])) > 0.9999


def test_windows_of_a_batch_do_not_change_each_other():
    found = weights.installed()
    assert found is not None
    spectra = np.array([mel_spectra(clip(name)[8_000:33_600])[:160] for name in GOLDEN])
    together = embeddings(found, spectra)
    alone = np.concatenate([embeddings(found, each[None]) for each in spectra])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_two_speakers_in_one_utterance_are_two_voices(encoder):
    said = [clip("en/counting"), np.zeros(4_000, np.float32), clip("ja/kazoeru")]
    one, other, again = encoder.voices(np.concatenate((*said, said[0])), 1_000)
    assert 1_000 <= one.start < one.end <= other.start < other.end <= again.start < again.end
    assert cosine(one, again) > 0.6
    assert cosine(one, other) < 0.3


def test_a_vector_has_the_length_that_its_readers_count_with(encoder):
    for each in encoder.voices(clip("en/counting"), 0):
        length = np.linalg.norm(np.frombuffer(each.numbers, np.int8).astype(float))
        assert length == pytest.approx(VOICE_LENGTH, rel=0.03)


@pytest.mark.parametrize("length", [0, 100, 2_000, SAMPLE_RATE])
def test_silence_has_no_voice(encoder, length):
    assert encoder.voices(np.zeros(length, np.float32), 0) == ()


def test_loudness_does_not_matter(encoder):
    audio = clip("en/quick_brown_fox")
    loud, quiet = encoder.voices(audio, 0), encoder.voices(audio * np.float32(0.05), 0)
    assert [each[:2] for each in loud] == [each[:2] for each in quiet]
    for one, other in zip(loud, quiet, strict=True):
        assert cosine(one, other) > 0.99


def test_another_file_is_refused(monkeypatch, tmp_path):
    other = tmp_path / "pretrained.pt"
    other.write_bytes(b"\x80\x02cos\nsystem\n")
    monkeypatch.setattr(weights, "data_file", lambda package, name: other)
    with pytest.raises(SettingsError, match=r"not the voice encoder .*SHA-256"):
        VoiceEncoder.installed()


def test_without_the_package_there_is_no_encoder(monkeypatch):
    monkeypatch.setattr(weights, "data_file", lambda package, name: None)
    assert VoiceEncoder.installed() is None


def test_the_package_is_named_as_it_is_installed():
    lines = (ROOT / "requirements-no-deps.txt").read_text().splitlines()
    (line,) = (each for each in lines if each.startswith("resemblyzer"))
    assert f"pip install --no-deps '{line}'" == weights.CURE
