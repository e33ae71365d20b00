"""URLs at which no server of calls answers, alone and among others."""

from http import HTTPStatus

import pytest

from callscribe.client import Disconnected, Refused, ServerError, connect
from callscribe.client.errors import WrongAddress
from common.errors import SettingsError
from tests.unit.callscribe.client.test_line import ends, scenes

HTTPS = "https://127.0.0.1/ws/asr"
ANSWERS = [
    *((401, None), (404, None), (200, None), (301, None)),
    *((301, HTTPS), (307, "wss://127.0.0.1:1/ws/asr"), (308, "ws://[::1/ws/asr")),
]


def answering(status, location=None):
    """What a server that knows nothing of calls says to a handshake."""

    def answer(connection, request):
        response = connection.respond(HTTPStatus(status), "not here")
        if location is not None:
            response.headers["Location"] = location
        return response

    return answer


async def takes(peer):
    await peer.accept()


async def opened(*urls):
    async with connect(urls):
        pass


@pytest.mark.parametrize(("status", "location"), ANSWERS)
async def test_it_is_an_error_where_there_is_no_other_url(serving, status, location):
    async with serving(None, process_request=answering(status, location)) as wrong:
        with pytest.raises(WrongAddress) as error:
            await opened(wrong)
    assert isinstance(error.value, ServerError)
    assert error.value.code == ("http_redirect" if location else f"http_{status}")


@pytest.mark.parametrize(("status", "location"), ANSWERS)
async def test_a_new_call_is_opened_at_the_next_url(serving, status, location):
    async with (
        serving(None, process_request=answering(status, location)) as wrong,
        serving(takes) as url,
        connect([wrong, wrong, url]) as call,
    ):
        assert [event async for event in call] == []


@pytest.mark.parametrize(("status", "location"), ANSWERS)
async def test_a_call_in_progress_is_resumed_at_the_next_url(serving, status, location):
    async def first(peer):
        await peer.accept()
        peer.cut()

    async with (
        serving(scenes(first, ends)) as url,
        serving(None, process_request=answering(status, location)) as wrong,
        connect([url, wrong]) as call,
    ):
        assert [event.kind async for event in call] == ["resumed"]


async def test_a_call_in_progress_tries_again_and_its_end_names_what_was_said(serving):
    asked = []

    def moves_away(connection, request):
        asked.append(request.path)
        return answering(404)(connection, request) if "resume=1" in request.path else None

    async def script(peer):
        await peer.accept()
        peer.cut()

    async with (
        serving(script, process_request=moves_away) as url,
        connect(url, patience=0.3) as call,
    ):
        with pytest.raises(Disconnected, match=r"not a call endpoint \(http_404\)"):
            await anext(call)
    assert len(asked) > 2


@pytest.mark.parametrize("order", [1, -1])
async def test_who_may_take_the_call_later_counts_before_who_never_will(
    serving, unused_tcp_port, order
):
    nobody = f"ws://127.0.0.1:{unused_tcp_port}/ws/asr"
    async with (
        serving(None, process_request=answering(404)) as wrong,
        serving(None, process_request=answering(503)) as full,
    ):
        with pytest.raises(Refused):
            await opened(*[wrong, full][::order])
        with pytest.raises(Disconnected):
            await opened(*[wrong, nobody][::order])


async def test_what_a_server_objects_to_is_not_asked_of_the_next(serving):
    async def objects(peer):
        await peer.connection.recv()
        await peer.say("error", code="invalid_option", message="sample_rate: too low")
        await peer.connection.close(1008, "invalid_option")

    async with serving(objects) as url, serving(takes) as other:
        with pytest.raises(ServerError) as error:
            await opened(url, other)
    assert error.value.code == "invalid_option"
    assert not isinstance(error.value, WrongAddress)


def denying(status, said):
    """What a gateway says to a handshake whose key does not do."""
    return lambda connection, _: connection.respond(HTTPStatus(status), f"refused: {said}\n")


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "unknown_key: this server knows no such key"), (403, "scope: this needs another key")],
)
async def test_a_key_that_does_not_do_is_not_shown_to_the_next_server(serving, status, said):
    code, _, text = said.partition(": ")
    async with serving(None, process_request=denying(status, said)) as url, serving(takes) as other:
        with pytest.raises(ServerError) as error:
            await opened(url, other)
    assert (error.value.code, str(error.value)) == (code, f"{text} ({code})")
    assert not isinstance(error.value, WrongAddress)


async def test_a_key_that_is_revoked_ends_a_call_that_would_resume(serving):
    shakes = []

    def process_request(connection, request):
        shakes.append(request.path)
        deny = denying(401, "revoked_key: the key was revoked")
        return deny(connection, request) if len(shakes) == 2 else None

    async def script(peer):
        await peer.accept()
        peer.cut()

    async with serving(script, process_request=process_request) as url, connect(url) as call:
        with pytest.raises(ServerError) as error:
            await anext(call)
    assert error.value.code == "revoked_key"
    assert len(shakes) == 2


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"api_key": "secret"}, {"Authorization": "Bearer secret"}),
        ({"headers": {"X-Api-Key": "secret"}}, {"X-Api-Key": "secret"}),
        (
            {"api_key": "a", "headers": {"X-Tenant": "b c"}},
            {"Authorization": "Bearer a", "X-Tenant": "b c"},
        ),
        ({}, {}),
    ],
)
async def test_every_handshake_of_a_call_has_its_headers(serving, given, sent):
    shakes = []

    async def script(peer):
        headers = peer.connection.request.headers
        names = ("Authorization", "X-Api-Key", "X-Tenant")
        shakes.append({name: headers[name] for name in names if name in headers})
        if len(shakes) == 1:
            await peer.accept()
            peer.cut()
        else:
            await peer.resume()
            await peer.until("finalize")

    async with serving(script) as url, connect(url, **given) as call:
        await call.finalize()
        async for _ in call:
            pass
    assert shakes == [sent, sent]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"api_key": "sec\nret"}, "Authorization"),
        ({"api_key": ""}, "Authorization"),
        ({"headers": {"X-Api-Key": "secrét"}}, "X-Api-Key"),
        ({"headers": {"X Key": "secret"}}, "X Key"),
        ({"api_key": "secret", "headers": {"authorization": "Basic x"}}, "Authorization"),
    ],
)
async def test_a_header_that_cannot_be_sent_is_named_without_its_value(given, named):
    with pytest.raises(SettingsError, match=named) as error:
        async with connect("ws://127.0.0.1:1/ws/asr", **given):
            pass
    assert "secr" not in str(error.value)
