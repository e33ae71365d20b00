"""Whose calls are seen by whom, what tokens and limits do, and what a revoked key ends."""

import asyncio
import json
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from common.pipeline.access import digest, key_id
from gateway.access.tokens import mint
from tests.integration.gateway.access.asking import (
    api,
    ask,
    bearer,
    call,
    code_of,
    create,
    handshake,
    keys,
    known,
)
from tests.integration.pipeline.calls import (
    FINALIZE,
    Line,
    config,
    messages,
    sentence,
)


async def test_a_tenant_sees_its_own_calls_and_no_others(guarded, acme, other, operator, http):
    heard = await call(guarded, acme, conversation_id="case 7")
    session = heard.session
    one = f"/v1/sessions/{session}"
    for path in (one, f"{one}/transcript", f"{one}/trace", "/v1/sessions/case%207"):
        assert (await ask(http, guarded, "GET", path, acme))[0] == 200
        status, text = await ask(http, guarded, "GET", path, other)
        assert (status, code_of(text)) == (404, "unknown_session")
        if "case" not in path:
            assert (await ask(http, guarded, "GET", path, operator))[0] == 200
    assert (await ask(http, guarded, "GET", f"{one}/events", other))[0] == 404
    assert (await ask(http, guarded, "DELETE", one, other))[0] == 404
    assert (await ask(http, guarded, "GET", one, acme))[0] == 200, "it is still there"
    assert (await ask(http, guarded, "DELETE", one, acme))[0] == 200
    assert (await ask(http, guarded, "GET", one, acme))[0] == 404


async def test_the_list_has_a_tenants_own_calls(guarded, acme, other, operator, http):
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config())
        session = (await line.hear("session_created"))["session_id"]

        async def listed(key: str) -> list[str]:
            _, text = await ask(http, guarded, "GET", "/v1/sessions", key)
            return [each["session_id"] for each in json.loads(text)["sessions"]]

        assert session in await listed(acme)
        assert session not in await listed(other)
        assert session in await listed(operator)
        await line.say(FINALIZE)
        await line.hear_out()


async def test_a_tenant_resumes_only_its_own_calls(guarded, acme, other):
    resumable = {"events": ["audio_ack"]}
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config(**resumable), *list(messages(sentence()))[:5])
        created = await line.hear("session_created")
        again = json.dumps({"type": "config", "resume": created["resume_token"], "seq": 0})
        async with handshake(
            guarded, "/ws/asr?resume=1", additional_headers=bearer(other)
        ) as thief:
            taken = Line(thief)
            await taken.say(again)
            assert (await taken.hear_out()).errors == ["resume_unknown"]
        await line.say(FINALIZE)
        heard = await line.hear_out()
        assert heard.close_code == 1000, "the call went on undisturbed"


async def test_a_token_opens_one_call_with_its_options(guarded, acme, http):
    asked = {"seconds": 60, "options": {"words": True, "language": "en"}}
    async with http.post(api(guarded, "/v1/tokens"), json=asked, headers=bearer(acme)) as answer:
        made = await answer.json()
    assert 50 < made["expires_at"] - time.time() <= 60
    heard = await call(guarded, made["token"], words=False)
    assert heard.close_code == 1000
    assert "words" in heard.finals[0], "its options are fixed"
    again = await call(guarded, made["token"])
    assert again.errors == ["spent_token"]
    for method in ("GET", "DELETE"):
        path = f"/v1/sessions/{heard.session}"
        assert (await ask(http, guarded, method, path, made["token"]))[0] == 403
    async with http.post(
        api(guarded, "/v1/tokens"), json={}, headers=bearer(made["token"])
    ) as answer:
        assert answer.status == 403, "a token makes no tokens"


def signed(key: str, seconds: int, **options: Any) -> str:
    """Return a token that the holder of a key made without asking."""
    expires = int(time.time()) + seconds
    return mint(key_id(key) or "", digest(key), expires, options)


@pytest.mark.parametrize(
    "options", [{"max_utterance": 0}, {"keywords": 5}, {"nonsense": 1}, {"min_speech_duration": 40}]
)
async def test_impossible_options_of_a_token_that_was_signed_elsewhere_end_its_call_alone(
    guarded, acme, options
):
    heard = await call(guarded, signed(acme, 60, **options))
    assert heard.close_code == 1008
    assert heard.errors[0] in ("invalid_option", "unknown_option")
    resumable = {"events": ["audio_ack"]}
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config(**resumable), *list(messages(sentence()))[:5])
        created = await line.hear("session_created")
        client.transport.abort()
    again = json.dumps({"type": "config", "resume": created["resume_token"], "seq": 0})
    token = signed(acme, 60, **options)
    async with handshake(guarded, "/ws/asr?resume=1", additional_headers=bearer(token)) as client:
        line = Line(client)
        await line.say(again)
        await line.hear("session_created")
        await line.say(config(language="en"))
        assert (await line.hear("error"))["code"] in ("invalid_option", "unknown_option")
        await line.say(*messages(sentence()), FINALIZE)
        assert "fox" in (await line.hear_out()).texts[0], "the call goes on as it was"


async def test_a_token_that_would_live_longer_than_any_does_not_count(guarded, acme):
    with pytest.raises(InvalidStatus) as refused:
        await call(guarded, signed(acme, 4000))
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": 3601}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"more": 1}, "unknown_field"),
        ({"options": []}, None),
        ({"options": {"langauge": "en"}}, None),
        ([], "invalid_json"),
    ],
)
async def test_a_token_that_cannot_be_made_says_why(guarded, acme, http, body, code):
    async with http.post(api(guarded, "/v1/tokens"), json=body, headers=bearer(acme)) as answer:
        assert answer.status == 400
        said = code_of(await answer.text())
        assert code in (said, None)


async def test_usage_is_counted_by_tenant(guarded, http):
    key = known(guarded, create("metered", "transcribe", "read", url=guarded.redis_url))
    await call(guarded, key, seconds=3.0)

    async def days(who: str, more: str = "") -> Any:
        status, text = await ask(http, guarded, "GET", f"/v1/usage{more}", who)
        return status, json.loads(text)

    deadline = time.monotonic() + 10
    while not (found := (await days(key))[1]["days"]) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    (day,) = found
    assert (day["calls"], day["legs"]) == (1, 1)
    assert day["audio_s"] == pytest.approx(3.0, abs=0.1)
    assert 0 < day["speech_s"] <= 3.1
    assert (await days(key, "?tenant=acme"))[0] == 403
    for bad in ("?from=x", "?from=2026-01-02&to=2026-01-01", "?tenant=A", "?from=1990-01-01"):
        assert (await days(key, bad))[0] == 400


async def test_what_is_erased_was_used(guarded, http):
    flags = ("--audio-s", "2")
    key = known(guarded, create("hasty", "transcribe", "read", url=guarded.redis_url, flags=flags))
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(key)) as client:
        line = Line(client)
        # Less than the key may say, or it could be cut off before it is erased.
        await line.say(config(), *[*messages(sentence())][:19])
        session = (await line.hear("session_created"))["session_id"]
        await asyncio.sleep(1.0)  # until all of it has arrived
        assert (await ask(http, guarded, "DELETE", f"/v1/sessions/{session}", key))[0] == 200
        assert (await line.hear_out()).errors == ["erased"]
    told: list[list[str]] = []
    while (errors := (await call(guarded, key, seconds=0.1)).errors) != ["key_audio"]:
        told.append(errors)
        assert len(told) < 15, "alone they are within what the key may say"
        await asyncio.sleep(0.2)


async def test_limits_hold(guarded):
    few = known(
        guarded,
        create("small", "transcribe", url=guarded.redis_url, flags=("--audio-s", "2")),
    )
    assert (await call(guarded, few, seconds=3.0)).close_code == 1000
    # What a call has used is told once it has ended.
    while (errors := (await call(guarded, few, seconds=0.1)).errors) != ["key_audio"]:
        assert errors == []
    seldom = known(
        guarded,
        create("seldom", "transcribe", url=guarded.redis_url, flags=("--calls", "1")),
    )
    assert (await call(guarded, seldom, seconds=1.0)).close_code == 1000
    # A minute begins between two of the three calls at most.
    later = [await call(guarded, seldom, seconds=0.1) for _ in range(2)]
    assert {(*each.errors, each.close_code) for each in later} - {(1000,)} == {("key_calls", 1008)}
    single = known(
        guarded,
        create("single", "transcribe", url=guarded.redis_url, flags=("--sessions", "1")),
    )
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(single)):
        with pytest.raises(InvalidStatus) as refused:
            async with handshake(guarded, "/ws/asr", additional_headers=bearer(single)):
                pass
        assert refused.value.response.status_code == 429


async def test_a_revoked_key_ends_its_calls_within_a_second(guarded, http):
    key = known(guarded, create("gone", "transcribe", "read", url=guarded.redis_url))
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(key)) as client:
        line = Line(client)
        await line.say(config(), *list(messages(sentence()))[:5])
        await line.hear("session_created")
        keys("revoke", key[3:11], url=guarded.redis_url)
        began = time.monotonic()
        heard = await line.hear_out()
        assert time.monotonic() - began < 1
        assert (heard.errors, heard.close_code) == (["revoked_key"], 1008)
    with pytest.raises(InvalidStatus) as refused:
        async with handshake(guarded, "/ws/asr", additional_headers=bearer(key)):
            pass
    assert refused.value.response.status_code == 401
    assert b"revoked_key" in refused.value.response.body
    status, text = await ask(http, guarded, "GET", "/v1/sessions", key)
    assert (status, code_of(text)) == (401, "revoked_key")


@pytest.mark.parametrize("over", ["websocket", "event stream"])
async def test_a_revoked_key_reads_no_more(guarded, acme, http, over):
    key = known(guarded, create("acme", "read", url=guarded.redis_url))
    async with handshake(guarded, "/ws/asr", additional_headers=bearer(acme)) as client:
        line = Line(client)
        await line.say(config())
        session = (await line.hear("session_created"))["session_id"]
        events = f"/v1/sessions/{session}/events"
        if over == "websocket":
            reader = await handshake(guarded, events, additional_headers=bearer(key))
        else:
            reading = await http.get(api(guarded, events), headers=bearer(key))
        keys("revoke", key[3:11], url=guarded.redis_url)
        async with asyncio.timeout(2):
            if over == "websocket":
                await reader.wait_closed()
                assert (reader.close_code, reader.close_reason) == (1008, "revoked_key")
            else:
                await reading.read()
        await line.say(FINALIZE)
        assert (await line.hear_out()).close_code == 1000, "the call is another key's"
