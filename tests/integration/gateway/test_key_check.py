"""A client learns what its key may do, and why a handshake was refused."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.guarded import Guarded, guarded_stack


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_stack(tmp_path_factory.mktemp("guarded")) as running:
        yield running


def answer(guarded: Guarded, key: str, path: str = "/v1/access", method: str = "GET"):
    connection = HTTPConnection("127.0.0.1", guarded.stack.port, timeout=10)
    connection.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {})
    said = connection.getresponse()
    challenge = said.headers.get("WWW-Authenticate", "")
    body = json.loads(said.read())
    connection.close()
    return said.status, body, challenge.startswith("Bearer")


def denied(guarded: Guarded, key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(guarded.stack.url, proxy=None, additional_headers=headers),
    ):
        pass
    return refused.value.response.status_code, refused.value.response.body.decode()


def test_what_a_key_may_do_is_told_to_its_holder(guarded: Guarded):
    keys = guarded.keys
    token = answer(guarded, keys.caller, "/v1/tokens", "POST")[1]["token"]
    scopes = {
        keys.whole: ["admin", "read", "transcribe"],
        keys.reader: ["read"],
        keys.caller: ["transcribe"],
        token: ["transcribe"],
    }
    assert answer(guarded, "") == (200, {"key_needed": True}, False)
    for key, may in scopes.items():
        assert answer(guarded, key) == (200, {"key_needed": True, "scopes": may}, False)


@pytest.mark.parametrize("kind", ["unknown", "revoked", "expired"])
def test_a_key_that_does_not_count_is_told_so_as_in_a_handshake(guarded: Guarded, kind: str):
    key = getattr(guarded.keys, kind)
    status, body, challenged = answer(guarded, key)
    error = body["error"]
    assert (status, error["code"], challenged) == (401, f"{kind}_key", True)
    assert denied(guarded, key) == (401, f"refused: {error['code']}: {error['message']}\n")


def test_a_handshake_says_what_is_missing(guarded: Guarded):
    status, body = denied(guarded, "")
    assert (status, body.split(": ")[:2]) == (401, ["refused", "missing_key"])
    status, body = denied(guarded, guarded.keys.reader)
    assert (status, body.split(": ")[:2]) == (403, ["refused", "scope"])
