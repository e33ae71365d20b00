import json

from tests.chaos.judge import Spoken
from tests.chaos.sinks.folder import read

BEGUN: dict[str, object] = {"id": "s:0", "type": "session_created", "session_id": "s", "name": "n"}
SPOKEN = {"channel": 0, "utterance": 1, "start": 0.5, "end": 2.0, "text": "one two"}
FINAL: dict[str, object] = {"id": "s:1", "type": "final", "seq": 1, **SPOKEN}
ENDED: dict[str, object] = {"id": "s:end", "type": "session_ended", "session_id": "s"}


def content(*messages: dict[str, object]) -> bytes:
    return "".join(f"{json.dumps(message)}\n" for message in messages).encode()


def test_a_file_is_read_whole():
    call = read("s.ndjson", content(BEGUN, FINAL, ENDED))
    assert (call.session, call.name, call.problems) == ("s", "n", [])
    assert call.finals == [Spoken(0, 1, 0.5, 2.0, "one two")]


def test_a_file_that_has_a_message_twice_is_a_problem():
    assert read("s.ndjson", content(BEGUN, FINAL, FINAL, ENDED)).problems
