import json
import sys

import pytest

from callscribe.cli import main
from callscribe.commands import watch

CALL = {
    "session_id": "s1",
    "conversation_id": "ticket 7",
    "channels": 2,
    "channel_labels": ["agent", "customer"],
    "started": 1795264655.0,
}
SPAN = {"session_id": "s1", "utterance": 1, "start": 0.5, "end": 2.0}
MESSAGES = [
    {"type": "session_created", **CALL},
    {"type": "partial", "text": "Thank", "channel": 0, **SPAN},
    {"type": "final", "text": "Thank you.", "seq": 1, "channel": 0, "label": "agent", **SPAN},
    {"type": "keyword", "keyword": "thank", "text": "Thank", "offset": 0, "channel": 0, **SPAN},
    {"type": "gap", "session_id": "s1", "channel": 1, "start": 2.0, "end": 3.0},
    {"type": "session_created", "session_id": "s2", "channels": 2, "started": 1795264659.0},
    {"type": "final", "text": "Hi.", "seq": 1, "channel": 1, **SPAN, "session_id": "s2"},
    {"type": "something_new", "session_id": "s1"},
    {"type": "session_ended", "session_id": "s1"},
]


@pytest.fixture
def server(monkeypatch):
    """Stands in for the server, which tells some messages twice; the arguments it was given."""
    asked = []

    def follow(server, call, place, tell):
        asked.append((server.urls, call, place))
        for message in [*MESSAGES[:5], *MESSAGES]:
            yield json.dumps(message), message

    monkeypatch.setattr(watch, "follow", follow)
    monkeypatch.setattr(watch, "running", lambda server: [CALL])
    return asked


def test_a_call_is_shown_by_role_and_nothing_twice(server, capsys):
    assert main(["watch", "ticket 7", "--from", "4", "--url", "http://a"]) == 0
    assert server == [(["http://a"], "ticket 7", "4")]
    printed = capsys.readouterr()
    first, *lines, second, last = printed.out.splitlines()
    assert first.startswith("# call s1  20")
    assert first.endswith(" s  ticket 7  agent and customer")
    assert lines == [
        "[   0.50 -   2.00] agent: Thank you.",
        "[   0.50 -   2.00] agent: (keyword thank, said as 'Thank')",
        "[   2.00 -   3.00] customer: (audio lost)",
    ]
    assert second.startswith("# call s2  ")
    assert last == "[   0.50 -   2.00] channel 1: Hi."
    assert printed.err == "call s1 has ended\n"


def test_json_is_every_message_of_the_server_once_but_partials(server, capsys):
    assert main(["watch", "s1", "--json"]) == 0
    assert server == [(["http://127.0.0.1:8000"], "s1", "0")]
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == MESSAGES


def test_without_a_call_the_running_ones_are_listed(server, monkeypatch, capsys):
    assert main(["watch"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("s1  20")
    assert line.endswith(" s  ticket 7  agent and customer\n")
    assert main(["watch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == CALL
    monkeypatch.setattr(watch, "running", lambda server: [])
    assert main(["watch"]) == 0
    assert capsys.readouterr() == ("", "no running calls\n")


def test_names_cannot_move_the_cursor(server, monkeypatch, capsys):
    monkeypatch.setattr(watch, "running", lambda server: [{**CALL, "conversation_id": "\x1b[2J"}])
    assert main(["watch"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_closed_stdout_is_one_line(server, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["watch", "s1"]) == 1
    assert capsys.readouterr().err == "callscribe watch: stdout is closed\n"
