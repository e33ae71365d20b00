import pytest

from gateway.access.credentials import credential
from gateway.access.principal import anonymous


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": ["secret"]},
        {"authorization": ["Bearer secret"]},
        {"authorization": ["bearer  secret "]},
        {"authorization": ["Token secret"]},
        {"authorization": [" secret "]},
        {"sec-websocket-protocol": ["token, secret"]},
        {"sec-websocket-protocol": ["realtime, openai-insecure-api-key.secret"]},
        {"sec-websocket-protocol": ["callscribe, token.secret"]},
        {"sec-websocket-protocol": ["bearer", "secret"]},
        {"x-api-key": ["secret"], "authorization": ["Bearer other"]},
        {"x-api-key": ["secret", "another"]},
    ],
)
def test_a_client_may_say_it_in_many_places(headers):
    assert credential(headers) == "secret"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": [""]},
        {"authorization": ["Basic x"]},
        {"authorization": ["Bearer "]},
        {"sec-websocket-protocol": ["token"]},
        {"sec-websocket-protocol": ["openai-insecure-api-key."]},
        {"sec-websocket-protocol": ["a, b"]},
    ],
)
def test_elsewhere_there_is_none(headers):
    assert credential(headers) == ""
    assert credential(headers, {"language": ["en"]}) == ""


def test_a_url_counts_only_where_it_may():
    assert credential({}, {"token": ["secret"]}) == "secret"
    assert credential({}, {"api_key": ["secret"]}) == "secret"
    assert credential({"x-api-key": ["first"]}, {"token": ["secret"]}) == "first"


def test_who_says_nothing_is_known_by_his_address():
    assert anonymous("192.0.2.1").caller == anonymous("192.0.2.1").caller
    assert anonymous("192.0.2.1").caller != anonymous("192.0.2.2").caller
    assert anonymous("192.0.2.9", "192.0.2.1").caller != anonymous("192.0.2.1").caller
    assert anonymous("192.0.2.1", "secret").caller == anonymous("192.0.2.2", "secret").caller
    assert "secret" not in anonymous("192.0.2.1", "secret").caller
