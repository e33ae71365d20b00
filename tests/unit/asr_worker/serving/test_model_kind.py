"""The configurations are those of the published checkpoints, as far as they are looked at."""

from types import SimpleNamespace

import pytest

from asr_worker.serving.model_kind import not_a_recogniser, not_an_aligner

GENERATION = ["Qwen3ASRForConditionalGeneration"]
OFFICIAL = SimpleNamespace(
    model_type="qwen3_asr", architectures=GENERATION, thinker_config=SimpleNamespace()
)
HF = SimpleNamespace(model_type="qwen3_asr", architectures=GENERATION)
ALIGNER = SimpleNamespace(
    model_type="qwen3_asr",
    architectures=GENERATION,
    thinker_config=SimpleNamespace(model_type="qwen3_forced_aligner", classify_num=5000),
)
HF_ALIGNER = SimpleNamespace(
    model_type="qwen3_asr", architectures=["Qwen3ASRForTokenClassification"], num_labels=5000
)
WHISPER = SimpleNamespace(model_type="whisper", architectures=["WhisperModel"])


@pytest.mark.parametrize("config", [OFFICIAL, HF])
def test_a_recogniser_is_taken_in_either_layout(config):
    assert not_a_recogniser(config) is None
    assert "a recogniser" in (not_an_aligner(config) or "")


def test_an_aligner_is_taken_in_the_official_layout():
    assert not_an_aligner(ALIGNER) is None
    assert "layout of transformers" in (not_an_aligner(HF_ALIGNER) or "")
    for config in (ALIGNER, HF_ALIGNER):
        assert "callscribe align" in (not_a_recogniser(config) or "")


def test_any_other_model_is_named():
    for check in (not_a_recogniser, not_an_aligner):
        assert "'whisper'" in (check(WHISPER) or "")
