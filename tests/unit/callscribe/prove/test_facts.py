"""What a proof is about."""

from importlib.util import find_spec

import pytest

from asr_worker.settings import AsrSettings
from callscribe.loadtest.speech import Format, load
from callscribe.prove import facts
from common.errors import SettingsError


def test_the_digest_of_weights_is_of_names_and_bytes(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    first = facts.digest(tmp_path)
    assert first == facts.digest(tmp_path)
    (tmp_path / "b").write_bytes(b"3")
    second = facts.digest(tmp_path)
    (tmp_path / "b").rename(tmp_path / "c")
    assert len({first, second, facts.digest(tmp_path)}) == 3
    assert len(facts.digest(tmp_path / "c")) == 64


def test_the_bundled_model_has_a_digest_and_an_unknown_engine_a_clear_error():
    model = facts.model(AsrSettings())
    assert (model["engine"], model["model"]) == ("whisper", None)
    assert model["sha256"] is not None
    assert facts.model(AsrSettings(asr_model="large-v3"))["sha256"] is None
    with pytest.raises(SettingsError, match="no ASR engine 'wisper'"):
        facts.model(AsrSettings(asr_engine="wisper"))


def test_the_corpus_is_told_by_length_words_and_digest():
    speech = load([], Format())
    corpus = facts.corpus(speech, "the sample call")
    assert corpus["seconds"] == pytest.approx(117, abs=1)
    assert corpus["words"] == 170
    other = facts.corpus(load([], Format(frame_ms=20)), "the sample call")
    assert other["sha256"] != corpus["sha256"]


def test_only_settings_that_were_changed_are_told():
    assert facts.chosen(AsrSettings()) == {}
    assert facts.chosen(AsrSettings(asr_beam_size=1, asr_slots=9)) == {
        "asr_beam_size": "1",
        "asr_slots": "9",
    }


def test_the_versions_are_told():
    assert {"python", "callscribe", "numpy"} <= set(facts.versions())
    assert ("moonshine_cpp" in facts.versions()) == (find_spec("moonshine_cpp") is not None)
