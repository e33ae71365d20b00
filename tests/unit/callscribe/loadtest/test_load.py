import asyncio
import http

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from callscribe.client.errors import Disconnected, ServerError
from callscribe.loadtest.tally import Spoken

SPAN = {"channel": 0, "utterance": 1, "start": 0.5, "end": 2.5}


async def answer(peer):
    await peer.accept()
    await peer.until_audio(4 * 30)
    await peer.say("speech_started", channel=0, utterance=1, start=0.5, at=0.8)
    await peer.say("partial", **SPAN, text="one")
    await peer.say("speech_ended", **SPAN, at=2.9, reason="silence")
    await peer.say("final", **SPAN, seq=1, text="one two")
    await peer.until("finalize")


async def test_every_call_is_measured(serving, load_on):
    async with serving(answer) as url:
        bench = load_on(url)
        await bench.load.run()
    tally = bench.tally
    assert (tally.accepted, tally.finished, tally.all_failed) == (2, 2, 0)
    assert {name: len(series.times) for name, series in tally.latencies.items()} == {
        **{"first_partial": 2, "partial_lag": 2, "endpoint_to_final": 2, "finalisation": 2}
    }
    assert tally.complete
    assert tally.up == 0
    assert tally.spoken[0].passages[0] == "one two"
    assert tally.spoken[0].text == "one two"
    assert tally.sent_s >= 2 * 9.0


async def test_calls_that_end_are_followed_by_others(serving, load_on):
    async with serving(answer) as url:
        bench = load_on(url, duration=40.0, call_length=12.0)
        await bench.load.run()
    assert bench.tally.accepted == bench.tally.finished > 2
    assert max(bench.tally.ups.values) == 2


async def test_a_server_that_refuses_everybody_is_no_failure(serving, load_on):
    def refuse(connection, request):
        headers = Headers({"Retry-After": "1"})
        return Response(503, "Service Unavailable", headers, b"refused: vad_slots\n")

    async with serving(answer, process_request=refuse) as url:
        bench = load_on(url)
        await bench.load.run()
    tally = bench.tally
    assert tally.refusals == {"vad_slots": tally.refused}
    assert tally.refused >= 2
    assert (tally.accepted, tally.all_failed, tally.complete) == (0, 0, False)


async def test_a_refusal_after_the_websocket_opened_has_its_reason(serving, load_on):
    async def full(peer):
        await peer.connection.recv()
        await peer.say("error", code="at_capacity", message="full", retry_after=0.1)
        await peer.connection.close(1013, "at_capacity")

    async with serving(full) as url:
        bench = load_on(url)
        await bench.load.run()
    assert set(bench.tally.refusals) == {"at_capacity"}


async def test_what_nobody_can_call_is_said_at_once(load_on):
    with pytest.raises(Disconnected, match="cannot reach"):
        await load_on("ws://127.0.0.1:1/ws/asr").load.run()


async def test_a_wrong_address_is_said_at_once(serving, load_on):
    def nothing(connection, request):
        return connection.respond(http.HTTPStatus.NOT_FOUND, "")

    async with serving(answer, process_request=nothing) as url:
        with pytest.raises(ServerError, match="call endpoint"):
            await load_on(url).load.run()


async def test_calls_that_break_fail_with_their_names(serving, load_on):
    async def cut(peer):
        await peer.accept()
        await peer.until_audio(4 * 10)
        peer.cut()

    async with serving(cut) as url:
        bench = load_on(url)
        await bench.load.run()
    tally = bench.tally
    assert tally.all_failed == tally.accepted >= 2
    assert tally.failed[0].session_id == "s1"
    assert "broke" in tally.failed[0].reason
    assert not tally.complete


async def test_a_call_that_the_server_ends_has_failed(serving, load_on):
    async def leave(peer):
        await peer.accept()
        await peer.until_audio(4 * 10)

    # Unread audio would keep websockets' server from seeing the answer to its close.
    async with serving(leave, max_queue=None) as url:
        bench = load_on(url)
        await bench.load.run()
    assert set(bench.tally.failures) == {"the server ended the call"}


async def test_an_error_is_why_a_call_failed(serving, load_on):
    async def object_to(peer):
        await peer.accept()
        await peer.say("error", code="invalid_audio", message="that is no audio")
        await peer.connection.close(1007, "invalid_audio")

    async with serving(object_to, max_queue=None) as url:
        bench = load_on(url)
        await bench.load.run()
    assert set(bench.tally.failures) == {"that is no audio (invalid_audio)"}


async def test_what_cannot_be_understood_fails_the_call(serving, load_on):
    async def babble(peer):
        await peer.accept()
        await peer.connection.send("hello")
        await peer.until("finalize")

    async with serving(babble) as url:
        bench = load_on(url)
        await bench.load.run()
    assert set(bench.tally.failures) == {"the server sent no JSON: 'hello'"}


async def test_an_endpoint_without_a_final_is_a_lost_utterance(serving, load_on):
    async def forget(peer):
        await peer.accept()
        await peer.say("speech_ended", **SPAN, at=2.9, reason="silence")
        await peer.say("gap", channel=0, start=3.0, end=3.5)
        await peer.say("lag", channel=0, seconds=4.5)
        await peer.until("finalize")

    async with serving(forget) as url:
        bench = load_on(url, sessions=1)
        await bench.load.run()
    tally = bench.tally
    assert (tally.finished, tally.lost_utterances, tally.silent) == (1, 1, 1)
    assert (tally.gap_s, tally.worst_lag_s) == (0.5, 4.5)
    assert tally.spoken[0] == Spoken(("one two",) * len(tally.spoken[0].passages), "")


async def test_what_hanging_up_cut_off_is_not_measured(serving, load_on):
    async def finish(peer):
        await peer.accept()
        await peer.until("finalize")
        await peer.say("speech_ended", **SPAN, at=2.5, reason="finish")
        await peer.say("final", **SPAN, seq=1, text="one two")

    async with serving(finish) as url:
        bench = load_on(url)
        await bench.load.run()
    assert bench.tally.complete
    assert len(bench.tally.finals.times) == 2
    assert not any(series.times for series in bench.tally.latencies.values())


async def test_stopping_ends_calls_in_order(serving, load_on):
    async with serving(answer) as url:
        bench = load_on(url, duration=100_000.0)
        running = asyncio.create_task(bench.load.run())
        while len(bench.tally.finals.times) < 2:
            await asyncio.sleep(0.01)
        bench.load.stop()
        await running
    assert bench.tally.finished == bench.tally.accepted == 2
