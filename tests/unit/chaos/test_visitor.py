from callscribe.client.messages import Options
from tests.chaos.caller import Course
from tests.chaos.judge import Spoken
from tests.chaos.scripts import Script
from tests.chaos.visitor import comparable, told

TRUTH = [
    Spoken(0, 1, 0.5, 1.0, "one two"),
    Spoken(1, 1, 0.6, 1.2, "three"),
    Spoken(0, 2, 2.0, 2.5, "four"),
    Spoken(0, 3, 3.0, 3.0, ""),
]


def course(protocol: str) -> Course:
    return Course(1, Script(protocol, Options(channels=2), (), protocol))


def test_what_a_client_was_told_is_joined_by_channel():
    joined = [Spoken(0, 0, 0.0, 0.0, "one two four"), Spoken(1, 0, 0.0, 0.0, "three")]
    assert told([(0, "one two"), (1, "three"), (0, "four")]) == joined
    assert comparable(course("deepgram"), TRUTH) == joined


def test_of_a_call_with_a_name_the_utterances_are_compared():
    assert comparable(course("twilio"), TRUTH) == TRUTH[:3]
