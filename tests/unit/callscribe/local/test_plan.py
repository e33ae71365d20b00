import pytest

from callscribe.local.plan import lay_out
from common.errors import SettingsError

COUNTS = {"gateway": 1, "vad": 1, "denoise": 0, "asr": 2}


def test_the_gateway_comes_first_and_numbers_are_given_only_where_there_are_several():
    plans = lay_out(COUNTS, {})
    assert [plan.name for plan in plans] == ["gateway", "asr[0]", "asr[1]", "vad"]
    assert plans[0].url == "http://127.0.0.1:8000"


def test_workers_get_ports_of_their_own_on_loopback():
    workers = lay_out(COUNTS, {})[1:]
    assert len({plan.port for plan in workers}) == 3
    for plan in workers:
        assert plan.env["CALLSCRIBE_METRICS_PORT"] == str(plan.port)
        assert plan.env["CALLSCRIBE_METRICS_HOST"] == "127.0.0.1"


def test_a_given_metrics_port_is_counted_up_from():
    env = {"CALLSCRIBE_METRICS_PORT": "9464"}
    workers = lay_out(COUNTS, env)[1:]
    assert [plan.port for plan in workers] == [9464, 9465, 9466]
    assert {plan.host for plan in workers} == {"127.0.0.1"}


def test_a_given_metrics_host_is_every_workers():
    workers = lay_out(COUNTS, {"CALLSCRIBE_METRICS_HOST": "0.0.0.0"})[1:]
    assert {plan.env["CALLSCRIBE_METRICS_HOST"] for plan in workers} == {"0.0.0.0"}
    assert {plan.host for plan in workers} == {"127.0.0.1"}


def test_port_0_becomes_a_free_port_that_is_known():
    gateway = lay_out(COUNTS, {"CALLSCRIBE_PORT": "0"})[0]
    assert gateway.port > 0
    assert gateway.env["CALLSCRIBE_PORT"] == str(gateway.port)


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"CALLSCRIBE_HOST": "::"}, "http://[::1]:8000"),
        ({"CALLSCRIBE_HOST": "127.0.0.2", "CALLSCRIBE_PORT": "1"}, "http://127.0.0.2:1"),
        ({"CALLSCRIBE_GENERATE_SELF_SIGNED_CERT": "yes"}, "https://127.0.0.1:8000"),
    ],
)
def test_the_url_is_where_this_machine_reaches_the_gateway(env, url):
    assert lay_out(COUNTS, env)[0].url == url


def test_a_wrong_setting_is_found_before_anything_starts():
    with pytest.raises(SettingsError, match="CALLSCRIBE_VAD_SLOTS"):
        lay_out(COUNTS, {"CALLSCRIBE_VAD_SLOTS": "many"})
