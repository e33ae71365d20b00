"""Which language was spoken, from how likely each is."""

import pytest

from asr_worker.whisper.detection import english, found

LIKELY = {"it": 0.5, "es": 0.3, "pt": 0.15, "en": 0.05}


@pytest.mark.parametrize(
    ("among", "before", "confidence", "language", "sure"),
    [
        ((), None, None, "it", 0.5),
        (("es", "en"), None, None, "es", 0.3 / 0.35),
        (("es", "it"), None, None, "it", 0.5 / 0.8),
        ((), "en", 0.9, "en", 0.05),
        ((), "en", None, "en", 0.05),
        ((), "en", 0.6, "it", 0.5),
        (("en", "es"), "it", 0.9, "es", 0.3 / 0.35),
    ],
    ids=["any", "of two", "of two others", "goes on", "told", "changes", "not possible any more"],
)
def test_the_most_likely_language_that_is_possible_is_found(
    among, before, confidence, language, sure
):
    code, certain = found(LIKELY, among, before, confidence)
    assert code == language
    assert certain == pytest.approx(sure)


def test_a_clear_text_of_a_model_of_english_is_english():
    assert english(-0.3) > 0.95
    assert english(-0.8) < 0.1
