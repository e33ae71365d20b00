import pytest

from callscribe.commands import stack_flags
from callscribe.commands.invocation import Invocation


def stack_options(argv, env):
    return stack_flags.stack_options(
        Invocation.parse(stack_flags.stack_parser("up", ""), argv, env)
    )


def test_flags_of_up_become_variables_of_the_services():
    argv = ["--asr", "3", "--silence-threshold", "1", "--generate-self-signed-cert"]
    options = stack_options(argv, {"CALLSCRIBE_SILENCE_THRESHOLD": "2", "HOME": "/root"})
    assert options.counts == {"gateway": 1, "vad": 1, "denoise": 1, "asr": 3, "align": 0}
    assert options.env == {
        "CALLSCRIBE_SILENCE_THRESHOLD": "1",
        "CALLSCRIBE_GENERATE_SELF_SIGNED_CERT": "true",
        "HOME": "/root",
    }


@pytest.mark.parametrize(
    ("argv", "env", "embedded"),
    [
        ([], {}, True),
        (["--redis-url", "redis://other"], {}, False),
        ([], {"CALLSCRIBE_REDIS_URL": "redis://other"}, False),
    ],
)
def test_redis_is_embedded_unless_one_is_named(argv, env, embedded):
    assert stack_options(argv, env).embedded_redis is embedded


def test_a_stack_of_its_own_has_nothing_of_another_one():
    given = {
        "CALLSCRIBE_REDIS_URL": "redis://other",
        "CALLSCRIBE_PORT": "8000",
        "CALLSCRIBE_HOST": "0.0.0.0",
        "CALLSCRIBE_METRICS_PORT": "9100",
        "CALLSCRIBE_ADMIN_PORT": "9101",
        "CALLSCRIBE_VOSK_PORT": "2700",
        "CALLSCRIBE_ASR_LEGS": "9",
        "CALLSCRIBE_ASR_BEAM_SIZE": "1",
        "HOME": "/root",
    }
    own = stack_flags.beside(given, ["ASR_LEGS"])
    assert (own.pop("CALLSCRIBE_HOST"), own.pop("CALLSCRIBE_PORT")) == ("127.0.0.1", "0")
    assert set(stack_flags.usual_ports()) <= own.keys()
    assert {own.pop(port) for port in stack_flags.usual_ports()} == {"none"}
    assert own == {"CALLSCRIBE_ASR_BEAM_SIZE": "1", "HOME": "/root"}
