import pytest

from callscribe.client.latency import MEASURES, Latencies, Sending, percentile
from callscribe.client.messages import Final, Gap, Partial, SpeechEnded

PARTIAL = Partial(utterance=1, start=0.25, end=0.65, text="he")
ENDED = SpeechEnded(utterance=1, start=0.25, end=0.9, at=1.7, reason="silence")
FINAL = Final(utterance=1, seq=1, start=0.25, end=0.9, text="hello")


def sent_in_real_time(begin=100.0, messages=20):
    """A message of 0.1 s every 0.1 s, sent when it is complete."""
    latencies = Latencies()
    for index in range(1, messages + 1):
        latencies.sending.sent(index / 10, begin + index / 10)
    return latencies


def test_audio_was_sent_with_the_message_that_holds_it():
    sending = Sending()
    assert sending.time_of(0.0) is None
    sending.sent(0.1, 10.0)
    sending.sent(0.2, 20.0)
    assert [sending.time_of(p) for p in (0.0, 0.05, 0.1, 0.1004)] == [10.0] * 4
    assert [sending.time_of(p) for p in (0.11, 0.2, 9.9)] == [20.0] * 3


def test_what_nobody_asks_for_is_forgotten():
    sending = sent_in_real_time().sending
    sending.forget(0.95)
    assert [sending.time_of(p) for p in (0.1, 1.0, 1.1)] == pytest.approx([101.0, 101.0, 101.1])
    sending.forget(99.0)
    assert sending.time_of(1.1) == pytest.approx(102.0)
    Sending().forget(1.0)


def test_partials_are_measured_from_the_audio_they_cover():
    latencies = sent_in_real_time()
    first = latencies.note(PARTIAL, 100.9)
    assert first == {"partial_lag": pytest.approx(0.2), "first_partial": pytest.approx(0.6)}
    assert latencies.note(PARTIAL, 101.0) == {"partial_lag": pytest.approx(0.3)}
    other = Partial(channel=1, utterance=1, start=0.25, end=0.65, text="he")
    assert "first_partial" in latencies.note(other, 101.0)


def test_a_final_is_measured_from_the_end_of_speech_and_from_its_endpoint():
    latencies = sent_in_real_time()
    assert latencies.note(ENDED, 101.71) == {}
    assert latencies.note(FINAL, 101.75) == {
        "finalisation": pytest.approx(0.85),
        "endpoint_to_final": pytest.approx(0.05),
    }


def test_an_endpoint_told_after_its_final_completes_the_measure():
    latencies = sent_in_real_time()
    assert latencies.note(FINAL, 101.75) == {"finalisation": pytest.approx(0.85)}
    assert latencies.note(ENDED, 101.99) == {"endpoint_to_final": pytest.approx(0.05)}
    assert {measure: len(samples) for measure, samples in latencies.samples.items()} == {
        **dict.fromkeys(MEASURES, 0),
        "finalisation": 1,
        "endpoint_to_final": 1,
    }


def test_an_utterance_without_audio_tells_nothing():
    latencies = sent_in_real_time()
    assert latencies.note(Final(utterance=1, seq=1, start=1.0, end=1.0, text=""), 101.0) == {}
    assert latencies.note(Gap(start=0.0, end=1.0), 101.0) == {}


def test_nothing_is_told_before_anything_was_sent():
    assert Latencies().note(PARTIAL, 1.0) == {}


def test_percentiles_are_samples():
    samples = [float(value) for value in range(20, 0, -1)]
    assert [percentile(samples, p) for p in (0, 50, 95, 100)] == [1.0, 10.0, 19.0, 20.0]
    assert percentile([7.0], 95) == 7.0
