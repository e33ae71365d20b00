import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from callscribe.client.errors import Disconnected, ServerError
from callscribe.commands import following
from callscribe.commands.following import follow, running
from callscribe.commands.server_flags import Server
from common.errors import SettingsError


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(following, "_FIRST_PAUSE_S", 0.01)


@contextmanager
def answering(*answers):
    """A server that gives one answer after the other; yields its URL and the requests."""
    waiting, requests = iter(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append((self.path, self.headers))
            status, body = next(waiting, (503, "gone"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def event(place, **message):
    return f"id: {place}\nevent: x\ndata: {json.dumps(message)}\n\n"


def error(message):
    return json.dumps({"error": {"code": "x", "message": message}})


def read(*urls, call="a call", place="0", **server):
    told: list[str] = []
    messages = [m for _, m in follow(Server(urls=urls, **server), call, place, told.append)]
    return messages, told


def test_messages_come_from_where_the_reader_is_until_all_is_told():
    with answering((200, event("3", n=1) + ": still here\n\n" + event("4", n=2)), (204, "")) as (
        url,
        requests,
    ):
        messages, told = read(url + "/base/", call="a/b c", place="2", api_key="secret")
    assert messages == [{"n": 1}, {"n": 2}]
    assert told == []
    assert [path for path, _ in requests] == ["/base/v1/sessions/a%2Fb%20c/events"] * 2
    assert [headers["Last-Event-ID"] for _, headers in requests] == ["2", "4"]
    assert requests[0][1]["Authorization"] == "Bearer secret"


def test_a_broken_event_is_read_again_at_the_next_server():
    whole, broken = event("3", n=1), event("4", n=2)[:-12]
    with (
        answering((200, whole + broken)) as (one, _),
        answering((503, "full"), (200, event("4", n=2)), (204, "")) as (two, requests),
    ):
        messages, told = read(one, two)
    assert messages == [{"n": 1}, {"n": 2}]
    assert {headers["Last-Event-ID"] for _, headers in requests[:2]} == {"3"}
    assert told


def test_a_server_that_was_never_there_is_an_error_immediately(unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(Disconnected, match="Connection refused"):
        read(url, url)


def test_patience_ends(unused_tcp_port, monkeypatch):
    monkeypatch.setattr(following, "PATIENCE_S", 0.05)
    with (
        answering((200, event("1", n=1)), *[(503, "full")] * 99) as (url, _),
        pytest.raises(Disconnected, match=r"full \(HTTP 503\)"),
    ):
        read(url)


@pytest.mark.parametrize(
    ("status", "kind", "line"),
    [
        (404, ServerError, "no such call"),
        (401, ServerError, r"^no such call \(x\)$"),
        (403, ServerError, r"^no such call \(x\)$"),
        (400, SettingsError, r"no such call \(HTTP 400\)"),
    ],
)
def test_a_refusal_has_the_servers_words(status, kind, line):
    with answering((status, error("no such call"))) as (url, _), pytest.raises(kind, match=line):
        read(url)


def test_a_proxy_that_wants_its_own_password_is_told_by_its_address():
    with answering((401, "who are you?")) as (url, _), pytest.raises(ServerError) as denied:
        read(url)
    assert str(denied.value) == f"{url}: who are you? (http_401)"


def test_a_call_that_is_gone_meanwhile_is_an_error():
    with (
        answering((200, event("1", n=1)), (404, error("no such call"))) as (url, _),
        pytest.raises(ServerError, match="no such call"),
    ):
        read(url)


@pytest.mark.parametrize("url", ["ws://a", "a:80", "http://", "http://[::1", "ftp://a"])
def test_what_is_no_url_is_misuse(url):
    for call in (lambda: read(url), lambda: running(Server(urls=[url]))):
        with pytest.raises(SettingsError, match=r"is no http:// or https:// URL"):
            call()


def test_running_calls_come_from_the_first_server_that_answers(unused_tcp_port):
    nobody = f"http://127.0.0.1:{unused_tcp_port}"
    with answering((200, json.dumps({"sessions": [{"session_id": "s1"}]}))) as (url, _):
        assert running(Server(urls=[nobody, url])) == [{"session_id": "s1"}]
    with pytest.raises(Disconnected):
        running(Server(urls=[nobody]))
    with answering((200, "<html>")) as (url, _), pytest.raises(Disconnected):
        running(Server(urls=[url]))


def test_a_server_that_falls_silent_counts_as_gone(monkeypatch):
    monkeypatch.setattr(following, "_SILENT_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(Disconnected, match="timed out"),
    ):
        read(f"http://127.0.0.1:{listener.getsockname()[1]}")
