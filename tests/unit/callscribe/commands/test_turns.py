"""`callscribe turns` against a server that answers with what it was given."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from callscribe.cli import main
from common.lifecycle import EXIT_MISUSE
from tests.unit.callscribe.commands.test_turns_replay import calls, said

TRANSCRIPT, TRACE = calls(said(0, 1.1, "I see."), said(1.7, 3, "A house."))


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer = TRACE if self.path.endswith("/trace") else TRANSCRIPT
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", asked
    http.shutdown()
    thread.join()
    http.server_close()


def test_calls_are_asked_for_and_counted_together(server, capsys):
    url, asked = server
    flags = ["--silence-threshold", "0.8", "--json", "--url", url]
    assert main(["turns", "replay", "a/b", "c", *flags]) == 0
    assert asked[:2] == [
        "/v1/sessions/a%2Fb/transcript?format=json",
        "/v1/sessions/a%2Fb/trace",
    ]
    silence, turn = json.loads(capsys.readouterr().out)
    assert (silence["endpointing"], silence["pauses"], silence["cuts"]) == ("silence", 2, 2)
    assert (turn["endpointing"], turn["ends"], turn["mean"]) == ("turn", 2, 0.4)


def test_the_table_has_no_word_of_what_was_said(server, capsys):
    url, _ = server
    assert main(["turns", "replay", "c", "--url", url]) == 0
    shown = capsys.readouterr().out
    assert "turn 0.8 s" in shown
    assert "house" not in shown


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--silence-threshold", "0"], "--silence-threshold: 0 is not in 0.01 to 60"),
        (["--min-turn-silence", "2", "--max-turn-silence", "1"], "must be at most"),
    ],
)
def test_impossible_settings_are_misuse(flags, complaint, capsys):
    assert main(["turns", "replay", "c", *flags]) == EXIT_MISUSE
    assert complaint in capsys.readouterr().err
