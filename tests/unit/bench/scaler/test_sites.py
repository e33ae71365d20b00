"""The site whose load was recorded is one that the manifests accept."""

from bench.scaler import recording, sites
from bench.scaler.command import RECORDING
from deploy.kubernetes.check import problems


def test_a_fifth_of_large_may_be_deployed():
    assert problems(sites.values_of(sites.RECORDED)) == []


def test_its_processes_are_a_fifth_but_for_recognisers():
    large, fifth = (
        {pool.name: pool for pool in sites.pools(site)[0]} for site in ("large", sites.RECORDED)
    )
    assert fifth["gateway"].capacity == large["gateway"].capacity // 5
    assert fifth["vad"].capacity == large["vad"].capacity // 5
    assert fifth["asr"].per_pod == large["asr"].per_pod
    assert [5 * calls for calls in sites.CALLS[sites.RECORDED]] == [*sites.CALLS["large"]]


def test_the_questions_are_those_of_the_manifests_with_the_buffers():
    asked = sites.questions(sites.RECORDED)
    assert asked.keys() == {"gateway units", "vad units", "vad lag", "asr units", "asr lag"}
    for pool in sites.pools(sites.RECORDED)[0]:
        assert asked[f"{pool.name} units"].endswith(f" + {pool.buffer}")


def test_todays_manifests_ask_what_was_recorded():
    made = recording.read(RECORDING)
    assert [*made.questions] == [*sites.questions(sites.RECORDED)]
    for name, asked in sites.questions(sites.RECORDED).items():
        # The buffer may change: a replay adds that of today.
        assert made.questions[name].rpartition(" + ")[0] == asked.rpartition(" + ")[0]
        assert None not in made.answers[name]
        assert len(made.answers[name]) >= made.seconds // made.look_s


def test_the_recorded_calls_triple_within_ten_minutes():
    made = recording.read(RECORDING)
    low, high = sites.CALLS[sites.RECORDED]

    def calls(now: float) -> int:
        return sum(start <= now < end for start, end in made.calls)

    assert calls(60) < 1.3 * low
    assert max(calls(now) for now in range(120, 900, 15)) > 0.9 * high
    assert calls(made.seconds - 1) < 1.3 * low
