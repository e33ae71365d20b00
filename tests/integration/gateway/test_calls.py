"""Calls as resources of a running gateway: read by others while they run, and erased."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import numpy as np
import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from callscribe.cli import main
from common.bus import keys
from common.bus.keys import Leg
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    Line,
    clip,
    config,
    converse,
    line,
    messages,
    said,
    sentence,
    silence,
)
from tests.leaks.test_human_digits import DIGITS, over_the_line
from tests.leaks.test_human_digits import said as said_digit
from tests.real_redis import admin

pytestmark = pytest.mark.usefixtures("unharmed")


def api(stack: RunningStack, path: str) -> str:
    return f"http://127.0.0.1:{stack.port}/v1/sessions{path}"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def read_stream(
    http: aiohttp.ClientSession, url: str, last: str = ""
) -> list[tuple[str, dict[str, Any]]]:
    """Read server-sent events until the server ends them: (id, message)."""
    headers = {"Last-Event-ID": last} if last else {}
    async with asyncio.timeout(60), http.get(url, headers=headers) as answer:
        if answer.status == 204:
            return []
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        text = (await answer.read()).decode()
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            each.split(": ", 1) for each in block.split("\n") if each[:1] not in ("", ":")
        )
        if fields:
            message = json.loads(fields["data"])
            assert fields["event"] == message["type"]
            found.append((fields["id"], message))
    return found


async def read_socket(http: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(60), http.ws_connect(url) as socket:
        return [json.loads(message.data) async for message in socket]


def finals(told: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(each["seq"], each["text"]) for each in told if each["type"] == "final"]


async def talk(client: Line) -> None:
    await client.say(*messages(sentence()), FLUSH, pace=0.1)
    await client.hear("final")


async def test_readers_that_come_early_and_late_get_what_the_client_gets(stack, http):
    conversation = f"case {uuid4()}"
    async with line(stack.url) as client:
        await client.say(
            config(
                conversation_id=conversation,
                channel_labels=["caller"],
                words=True,
                keywords=["lazy dog"],
            )
        )
        await client.hear("session_created")
        url = api(stack, f"/{client.transcript.session}/events")
        early = asyncio.create_task(read_stream(http, url))
        by_name = asyncio.create_task(read_socket(http, api(stack, f"/{conversation}/events")))
        await asyncio.sleep(0.3)
        await talk(client)
        late = asyncio.create_task(read_socket(http, url))
        await client.say(*messages(said(clip("hello_world"), 1.0)), FINALIZE)
        transcript = await client.hear_out()
    expected = finals(transcript.messages)
    streamed = await early
    told = [message for _, message in streamed]
    assert [each["type"] for each in (told[0], told[-1])] == ["session_created", "session_ended"]
    assert finals(told) == expected
    assert finals(await by_name) == finals(await late) == expected
    # It is live: what was open was told, too, and every message says whose it is.
    assert {"partial", "speech_started", "speech_ended"} <= {each["type"] for each in told}
    assert {each["session_id"] for each in told} == {transcript.session}
    assert {each["conversation_id"] for each in told} == {conversation}
    (keyword,) = [each for each in told if each["type"] == "keyword"]
    assert keyword["keyword"] == "lazy dog"
    assert all(each["label"] == "caller" for each in told if "channel" in each)
    # Afterwards the rest is read from any place on.
    first = next(place for place, message in streamed if message["type"] == "final")
    rest = [message for _, message in await read_stream(http, url, last=first)]
    assert finals(rest) == expected[1:]
    assert finals(await read_socket(http, f"{url}?from={first}")) == expected[1:]
    assert await read_stream(http, url, last=streamed[-1][0]) == []


async def test_what_was_said_before_a_call_broke_off_is_read_afterwards(stack, http):
    async with line(stack.url) as client:
        await client.say(config(events=["audio_ack"]))
        token = (await client.hear("session_created"))["resume_token"]
        session = client.transcript.session
        await talk(client)
        text = Leg(session, 0).key("text")
        with admin(stack.redis_url) as bus:
            bus.xadd(text, {"s": "no number"}, id="9-1")
            transcript = await client.hear_out()
            bus.xdel(text, "9-1")
    assert (transcript.errors, transcript.close_code) == (["internal_error"], 1011)
    said_before = transcript.finals[0]["text"]
    async with http.get(api(stack, f"/{session}/transcript")) as answer:
        found = await answer.json()
    assert (found["text"], found["complete"]) == (said_before, False)
    told = [message for _, message in await read_stream(http, api(stack, f"/{session}/events"))]
    assert told[-1]["type"] == "session_ended"
    assert finals(told) == finals(transcript.messages)
    async with line(stack.url + "?resume=1") as client:
        await client.say(json.dumps({"type": "config", "resume": token, "seq": 0}))
        assert (await client.hear_out()).errors == ["resume_unknown"]


async def test_a_reader_is_told_of_words_and_partials_as_they_are_switched(stack, http):
    async with line(stack.url) as client:
        await client.say(config())
        await client.hear("session_created")
        reading = asyncio.create_task(
            read_socket(http, api(stack, f"/{client.transcript.session}/events"))
        )
        await asyncio.sleep(0.3)
        await talk(client)
        await client.say(config(words=True, interim_results=False))
        await talk(client)
        await client.say(FINALIZE)
        transcript = await client.hear_out()
    told = await reading
    assert finals(told) == finals(transcript.messages)
    first, second, *_ = [each for each in told if each["type"] == "final"]
    assert "words" not in first
    assert [word["word"].strip() for word in second["words"]] == second["text"].split()
    assert {each["utterance"] for each in told if each["type"] == "partial"} == {1}


async def test_two_sockets_of_one_conversation_are_read_together(stack, http):
    conversation = str(uuid4())
    async with line(stack.url) as agent, line(stack.url) as customer:
        for client, label in ((agent, "agent"), (customer, "customer")):
            await client.say(config(conversation_id=conversation, channel_labels=[label]))
            await client.hear("session_created")
        reading = asyncio.create_task(read_stream(http, api(stack, f"/{conversation}/events")))
        for client in (agent, customer):
            await client.say(*messages(sentence()), FINALIZE)
        both = [await agent.hear_out(), await customer.hear_out()]
    told = await reading
    labels = {each["session_id"]: each["label"] for _, each in told if each["type"] == "final"}
    assert labels == {both[0].session: "agent", both[1].session: "customer"}
    for transcript in both:
        mine = [m for _, m in told if m["session_id"] == transcript.session]
        assert finals(mine) == finals(transcript.messages)
    # From the middle on, nothing is told twice and nothing is missing.
    heard = [message for _, message in told if message["type"] == "final"]
    place = next(place for place, message in told if message is heard[0])
    rest = await read_stream(http, api(stack, f"/{conversation}/events"), last=place)
    assert [m["session_id"] for _, m in rest if m["type"] == "final"] == [
        m["session_id"] for m in heard[1:]
    ]


async def test_a_reader_by_name_misses_nothing_when_an_earlier_call_of_the_name_is_gone(
    stack, http
):
    conversation = str(uuid4())
    url = api(stack, f"/{conversation}/events")
    opening = config(conversation_id=conversation)
    first = await converse(
        stack.url, opening, *messages(sentence()), FLUSH, *messages(sentence()), FINALIZE
    )
    async with line(stack.url) as client:
        await client.say(opening)
        await client.hear("session_created")
        early = asyncio.create_task(read_stream(http, url))
        await talk(client)
        await client.say(*messages(said(clip("hello_world"), 1.0)), FINALIZE)
        second = await client.hear_out()
    told = await early
    assert finals([m for _, m in told]) == finals(first.messages + second.messages)
    heard = next(m for m in second.messages if m["type"] == "final")
    session = second.session
    place = next(p for p, m in told if m["session_id"] == session and m.get("seq") == heard["seq"])
    async with http.delete(api(stack, f"/{first.session}")) as answer:
        assert answer.status == 200
    rest = finals(second.messages)[1:]
    assert rest
    assert finals([m for _, m in await read_stream(http, url, last=place)]) == rest
    assert finals(await read_socket(http, f"{url}?from={place}")) == rest
    # A number does not say whose it is.
    assert finals(await read_socket(http, f"{url}?from=1")) == finals(second.messages)


async def test_a_transcript_comes_in_every_form_while_the_call_runs_and_after(stack, http):
    async with line(stack.url) as client:
        await client.say(config(channel_labels=["agent"], words=True))
        await client.hear("session_created")
        await talk(client)
        url = api(stack, f"/{client.transcript.session}/transcript")
        async with http.get(url) as answer:
            running = await answer.json()
        await client.say(*messages(said(clip("hello_world"), 1.0)), FINALIZE)
        transcript = await client.hear_out()
    async with http.get(url) as answer:
        whole = await answer.json()
    assert (running["complete"], whole["complete"]) == (False, True)
    texts = transcript.texts
    assert [each["text"] for each in whole["utterances"]] == texts
    assert running["utterances"] == whole["utterances"][: len(running["utterances"])] != []
    assert whole["text"] == " ".join(texts)
    (first, *_) = whole["utterances"]
    told = transcript.finals[0]
    assert [w["start"] for w in first["words"]] == [w["start"] for w in told["words"]]
    said_so = {}
    for form in ("txt", "srt", "vtt"):
        async with http.get(f"{url}?format={form}") as answer:
            assert answer.status == 200
            said_so[form] = await answer.text()
    assert said_so["txt"].splitlines() == [f"agent: {text}" for text in texts]
    assert said_so["srt"].startswith("1\n00:00:00,")
    assert said_so["vtt"].startswith("WEBVTT\n\n00:00:00.")
    async with http.get(f"{url}?format=docx") as answer:
        assert answer.status == 400
        assert "docx" in (await answer.json())["error"]["message"]


@pytest.mark.skipif(not DIGITS.is_dir(), reason="Debian's asterisk-core-sounds-en-wav")
async def test_masks_are_counted_in_the_transcript_and_by_tenant(stack, http):
    async def counted() -> float:
        async with http.get(f"http://127.0.0.1:{stack.port}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        samples = [each for family in families for each in family.samples]
        return sum(each.value for each in samples if each.name == "callscribe_tenant_masks_total")

    before = await counted()
    digits = [over_the_line(said_digit(digit)) for digit in "4532111122223333"]
    speech = np.concatenate([clip("quick_brown_fox"), *digits])
    opening = config(language="en", redact=["pci"])
    transcript = await converse(stack.url, opening, *messages(speech), FINALIZE)
    hidden = Counter(mask["entity"] for final in transcript.finals for mask in final["redacted"])
    assert hidden
    async with http.get(api(stack, f"/{transcript.session}/transcript")) as answer:
        assert (await answer.json())["redacted"] == hidden
    assert await counted() == before + hidden.total()


async def test_an_erased_call_ends_and_leaves_nothing(stack, http, bus: redis.Redis):
    name = str(uuid4())
    async with line(stack.url) as client:
        await client.say(config(conversation_id=name))
        await client.hear("session_created")
        await talk(client)
        await client.say(*messages(clip("hello_world")))
        session = client.transcript.session
        reading = asyncio.create_task(read_socket(http, api(stack, f"/{session}/events")))
        await asyncio.sleep(0.3)
        async with http.delete(api(stack, f"/{session}")) as answer:
            assert answer.status == 200
            assert await answer.json() == {"erased": [session], "reports": []}
        transcript = await client.hear_out()
    assert transcript.errors == ["erased"]
    assert (await reading)[-1]["type"] == "session_ended"
    async with asyncio.timeout(35):  # a worker may begin what it does not know to be erased
        while list(bus.scan_iter(f"*{session}*")):
            await asyncio.sleep(0.5)
    for path in (f"/{session}", f"/{session}/events", f"/{name}/events"):
        async with http.get(api(stack, path)) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "unknown_session"


async def test_a_finished_call_is_erased_too(stack, http, bus: redis.Redis):
    transcript = await converse(stack.url, config(), *messages(sentence()), FINALIZE)
    async with http.delete(api(stack, f"/{transcript.session}")) as answer:
        assert answer.status == 200
    assert list(bus.scan_iter(f"*{transcript.session}*")) == []


async def test_a_trace_says_when_and_where_and_nothing_that_was_said(
    stack, http, bus: redis.Redis, capsys
):
    name = f"case {uuid4()}"
    opening = config(conversation_id=name, channel_labels=["agent"], words=True)
    transcript = await converse(stack.url, opening, *messages(sentence()), FINALIZE)
    async with http.get(api(stack, f"/{name}/trace")) as answer:
        assert answer.status == 200
        text = await answer.text()
    told = json.loads(text)
    (final,) = transcript.finals
    (utterance,) = told["utterances"]
    assert told["complete"] is True
    assert utterance["text_length"] == len(final["text"])
    assert utterance["label"] == "agent"
    for field in ("channel", "utterance", "seq", "start", "end"):
        assert utterance[field] == final[field]
    assert [(word["start"], word["end"]) for word in utterance["words"]] == [
        (word["start"], word["end"]) for word in final["words"]
    ]
    assert not any(word["word"] in text for word in final["words"] if len(word["word"]) > 3)
    assert 120 < bus.ttl(keys.session_key(transcript.session, "trace")) <= 300
    url = f"http://127.0.0.1:{stack.port}"
    assert await asyncio.to_thread(main, ["trace", name, "--url", url, "--word", "2"]) == 0
    shown = capsys.readouterr().out
    assert "word 2, agent, utterance 1" in shown
    assert "the end of the word was received" in shown
    assert await asyncio.to_thread(main, ["trace", name, "--url", url, "--word", "99"]) == 1
    assert f"the call has {len(final['words'])} words, not 99" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["trace", "nobody", "--url", url]) == 1
    assert "nobody" in capsys.readouterr().err


async def test_calls_are_listed_while_they_run(stack, http):
    async with line(stack.url) as client:
        await client.say(config(channels=2, channel_labels=["agent", "customer"]))
        await client.hear("session_created")
        async with http.get(api(stack, "")) as answer:
            (listed,) = (await answer.json())["sessions"]
        assert listed["session_id"] == client.transcript.session
        assert listed["channel_labels"] == ["agent", "customer"]
        await client.say(FINALIZE)
        await client.hear_out()


@pytest.mark.parametrize("place", ["x", "-1", "1..2", "9" * 30, "1.x", "a-1.2"])
async def test_a_place_that_is_none_is_refused(stack, http, place):
    transcript = await converse(stack.url, config(), FINALIZE)
    url = api(stack, f"/{transcript.session}/events?from={place}")
    async with http.get(url) as answer:
        assert answer.status == 400
        assert place[:40] in (await answer.json())["error"]["message"]


async def test_a_reader_that_leaves_is_forgotten(stack, http):
    async with line(stack.url) as client:
        await client.say(config())
        await client.hear("session_created")
        url = api(stack, f"/{client.transcript.session}/events")
        for _ in range(5):
            answer = await http.get(url)
            await answer.content.readline()
            answer.close()
        await client.say(*messages(silence(0.3)), FINALIZE)
        await client.hear_out()
