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
