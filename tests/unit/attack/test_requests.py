import pytest
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS

from gateway.websocket.request import MOST_BYTES
from tests.attack.requests import cookie_heads


@pytest.mark.parametrize("head", cookie_heads())
def test_cookies_are_as_many_as_a_request_may_have(head):
    lines = head.split(b"\r\n")
    cookies = [line for line in lines if line.startswith(b"Cookie: ")]
    assert sum(map(len, cookies)) >= 30_000
    assert len(head) < MOST_BYTES
    assert max(map(len, lines)) < MAX_LINE_LENGTH
    assert len(lines) < MAX_NUM_HEADERS
