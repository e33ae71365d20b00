"""`callscribe trace` against a server that answers with what it was given."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from callscribe.cli import main
from common.lifecycle import EXIT_FAILED, EXIT_MISUSE
from tests.unit.callscribe.commands.traces import trace, utterance


class Server:
    """Answers every request with one status and body."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.asked: list[tuple[str, str | None]] = []
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                house.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(house.status)
                self.end_headers()
                self.wfile.write(house.body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    server.body = json.dumps(trace(utterance(1), utterance(2, words=3))).encode()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_it_asks_for_the_call_by_name_and_shows_who_asks(server, capsys):
    assert main(["trace", "case 7/b", "--url", server.url, "--api-key", "k"]) == 0
    assert server.asked == [("/v1/sessions/case%207%2Fb/trace", "Bearer k")]
    shown = capsys.readouterr().out
    assert "channel 0, utterance 1" in shown
    assert "channel 0, utterance 2" in shown


def test_another_server_is_asked_where_one_is_away(server, capsys):
    away = "http://127.0.0.1:9"
    assert main(["trace", "c", "--url", away, "--url", server.url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(server.body)
    assert main(["trace", "c", "--url", away]) == EXIT_FAILED
    error = capsys.readouterr().err
    assert error.startswith(f"callscribe trace: cannot read from {away}: ")


def test_a_word_is_told_with_its_parts(server, capsys):
    assert main(["trace", "c", "--url", server.url, "--word", "2", "--json"]) == EXIT_FAILED
    assert "utterance 1 of channel 0, which has no words" in capsys.readouterr().err
    server.body = json.dumps(trace(utterance(2, words=3))).encode()
    assert main(["trace", "c", "--url", server.url, "--word", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["word"]["number"] == told["word"]["index"] == 2
    assert told["parts"][0]["part"] == "speech"
    assert round(sum(each["ms"] for each in told["parts"]), 1) == told["total_ms"]


def test_the_picture_is_written(server, tmp_path, capsys):
    file = tmp_path / "call.svg"
    assert main(["trace", "c", "--url", server.url, "--picture", str(file)]) == 0
    assert file.read_text().startswith("<svg ")
    assert main(["trace", "c", "--url", server.url, "--picture", str(tmp_path)]) == EXIT_MISUSE
    assert "--picture:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b'{"error": {"code": "unknown_call", "message": "no call \'c\'"}}', "no call 'c'"),
        (502, b"<html>", "<html> (HTTP 502)"),
        (200, b"<html>", "cannot read from"),
        (200, b"[]", "cannot read from"),
        (200, b'{"utterances": []}', ""),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(server, status, body, said, capsys):
    server.status, server.body = status, body
    code = main(["trace", "c", "--url", server.url])
    told = capsys.readouterr()
    assert code == (EXIT_FAILED if said else 0)
    assert (said in told.err) if said else "no finals yet" in told.out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--url", "ws://a"], "ws://a is no http:// or https:// URL"),
        (["--word", "0"], "--word: 0 is not 1 or more"),
        (["--api-key-file", "/nope"], "--api-key-file: /nope cannot be read"),
    ],
)
def test_bad_flags_are_misuse(argv, said, capsys):
    assert main(["trace", "c", *argv]) == EXIT_MISUSE
    assert said in capsys.readouterr().err
