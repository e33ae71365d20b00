"""A client loses its connection, comes back, and nothing is lost and nothing is told twice."""

import asyncio
import io
import json
from collections.abc import Iterator

import pytest
import redis
import soundfile
import websockets.asyncio.client as ws
from websockets.frames import Frame, Opcode

from common.bus import keys
from tests.integration.conftest import wait_until
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    Line,
    Message,
    config,
    converse,
    line,
    sample_call,
)
from tests.integration.pipeline.resuming import (
    TELLS_SPEECH,
    CutCall,
    cut,
    distinct_speech_events,
    facts,
    gateway,
    numbers,
    resume,
    talk_messages,
)
from tests.integration.pipeline.services import Service

INVALID_DATA = 1007
POLICY_VIOLATION = 1008
OPENING = config(**TELLS_SPEECH)
PACE = 0.01


@pytest.fixture(scope="module")
def here(bus_url: str) -> Iterator[Service]:
    """The gateway that these calls are opened at."""
    with gateway(bus_url) as running:
        yield running


@pytest.fixture(scope="module")
def other(bus_url: str) -> Iterator[Service]:
    """A gateway beside it, which keeps a transcript for a second only."""
    with gateway(bus_url, "--retention-s", "1") as running:
        yield running


async def test_a_call_that_is_cut_again_and_again_is_told_as_if_it_never_was(here: Service):
    script = [*talk_messages(3), FINALIZE]
    undisturbed = await converse(here.url, OPENING, *script)
    call = CutCall(OPENING, script)
    transcript = await call.run(here.url, [17, 9, 1, 0, 30], pace=PACE)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert transcript.by_utterance() == undisturbed.by_utterance()
    assert facts(transcript) == facts(undisturbed)
    assert numbers(transcript) == numbers(undisturbed)
    assert distinct_speech_events(transcript) == undisturbed.speech_events()
    assert len({created["session_id"] for created in transcript.of("session_created")}) == 1
    positions = [created["position"] for created in call.resumed]
    assert positions == sorted(positions)
    assert positions[-1] > 0


def stereo_telephone(seconds: float) -> list[bytes]:
    """Return the sample call in mu-law, in messages of 50 ms that split frames."""
    file = io.BytesIO()
    soundfile.write(file, sample_call(seconds), 8_000, format="RAW", subtype="ULAW")
    data = file.getvalue()
    return [data[start : start + 801] for start in range(0, len(data), 801)]


async def test_controls_in_between_take_effect_once_and_in_their_place(here: Service):
    audio: list[str | bytes] = [*stereo_telephone(12.0)]
    change = json.dumps({"type": "config", "silence_threshold": 0.4, "context": "energy"})
    third = len(audio) // 3
    script: list[str | bytes] = [
        *(*audio[:third], FLUSH, *audio[third : third + 20], change),
        *(*audio[third + 20 : 2 * third], FLUSH, FLUSH, *audio[2 * third :], FINALIZE),
    ]
    opening = config(encoding="mulaw", sample_rate=8_000, channels=2, **TELLS_SPEECH)
    undisturbed = await converse(here.url, opening, *script)
    call = CutCall(opening, script, frame_bytes=2)
    # Right behind the flush, right behind the change, amid audio, right behind the two flushes.
    transcript = await call.run(here.url, [third + 1, 21, 7, third - 26, 10], pace=PACE / 2)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert facts(transcript) == facts(undisturbed)
    assert distinct_speech_events(transcript) == undisturbed.speech_events()
    told = numbers(transcript)
    assert told == sorted(set(told))
    assert sorted(told) == sorted(numbers(undisturbed))
    controls = [created["controls"] for created in call.resumed]
    assert controls == sorted(controls)
    assert controls[-1] > 0


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_of_two_connections_the_newer_has_the_call(
    here: Service, other: Service, elsewhere: bool
):
    call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
    async with call.opened(here.url) as older:
        older.transcript = type(older.transcript)()
        await older.say(*call.script[:20])
        async with call.back(other.url if elsewhere else here.url) as newer:
            left = await older.hear_out()
            assert left.errors == ["resumed_elsewhere"]
            assert left.close_code == POLICY_VIOLATION
            await newer.say(*call.rest)
            transcript = await newer.hear_out()
    undisturbed = await converse(here.url, OPENING, *call.script)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert facts(transcript) == facts(undisturbed)


async def answered(url: str, *messages: str | bytes) -> tuple[list[str], int]:
    transcript = await converse(f"{url}?resume=1", *messages)
    return transcript.errors, transcript.close_code


async def test_without_the_right_token_nobody_gets_a_call(here: Service):
    call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script[:20])
        session, _, secret = call.token.partition(".")
        unknown = session[::-1]
        assert unknown != session
        for token in ("", ".", "nonsense", f"{session}.", f"{session}.{secret[::-1]}", session):
            assert await answered(here.url, resume(token)) == (["resume_unknown"], 1008)
        assert await answered(here.url, resume(f"{unknown}.{secret}")) == (
            ["resume_unknown"],
            POLICY_VIOLATION,
        )
        # The call of the one who has it goes on undisturbed.
        await client.say(*call.script[20:])
        transcript = await client.hear_out()
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert transcript.texts


async def test_who_lost_the_connection_after_finalize_gets_what_is_left(here: Service):
    call = CutCall(OPENING, [*talk_messages(2), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script)
        # The first final is there when the last audio has hardly been heard.
        await client.hear("final")
        cut(client)
    before = len(call.transcript.finals)
    async with call.back(here.url) as client:
        # What is not acknowledged is sent again, and finalize, if it did not arrive.
        await client.say(*call.rest)
        transcript = await client.hear_out()
    undisturbed = await converse(here.url, OPENING, *call.script)
    assert transcript.close_code == 1000
    assert len(transcript.finals) > before
    assert facts(transcript) == facts(undisturbed)


async def test_a_call_that_is_over_is_told_again_from_where_the_client_has_it(here: Service):
    call = CutCall(OPENING, [*talk_messages(2), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script)
        transcript = await client.hear_out()
    assert transcript.close_code == 1000
    told = numbers(transcript)
    assert len(told) >= 2
    for seq in (0, told[0], told[-1]):
        again = await converse(f"{here.url}?resume=1", resume(call.token, seq))
        assert again.errors == []
        assert again.close_code == 1000
        assert numbers(again) == [number for number in told if number > seq]
    whole = await converse(f"{here.url}?resume=1", resume(call.token))
    assert facts(whole) == facts(transcript)
    (created,) = whole.of("session_created")
    assert (created["resumed"], created["seq"], created["controls"]) == (True, told[-1], 1)


async def test_a_transcript_that_is_gone_is_unknown(
    here: Service, other: Service, bus: redis.Redis
):
    call = CutCall(OPENING, [*talk_messages(1)[:5], FINALIZE])
    async with call.opened(other.url) as client:
        await client.say(*call.script)
        await client.hear_out()
    meta = keys.session_key(call.session, "meta")
    await wait_until(lambda: not bus.exists(meta), "the transcript is gone")
    assert await answered(here.url, resume(call.token)) == (["resume_unknown"], POLICY_VIOLATION)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (resume("token", -1), "invalid_option"),
        (json.dumps({"type": "config", "resume": "t", "seq": "1"}), "invalid_option"),
        (json.dumps({"type": "config", "resume": 7}), "invalid_option"),
        (resume("t" * 201), "invalid_option"),
        (resume("token", 0, encoding="pcm17"), "invalid_option"),
        (resume("token", 0, tempo=1), "unknown_option"),
        (config(seq=3), "unknown_option"),
    ],
)
async def test_a_wrong_resume_is_refused(here: Service, message: str, code: str):
    assert await answered(here.url, message) == ([code], POLICY_VIOLATION)


async def test_options_that_are_repeated_must_be_those_of_the_call(here: Service):
    change = json.dumps({"type": "config", "silence_threshold": 0.4})
    call = CutCall(OPENING, [*talk_messages(1), change, *talk_messages(1), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script[:-1])
        await client.hear("final")
        cut(client)
    opening = json.loads(OPENING)
    stale = resume(call.token, call.seq, **{**opening, "silence_threshold": 0.8})
    # The call goes on waiting for a client that knows it better.
    for _ in range(2):
        assert await answered(here.url, stale) == (["option_fixed"], POLICY_VIOLATION)
    call.repeated = {**opening, "silence_threshold": 0.4}
    async with call.back(here.url) as client:
        await client.say(*call.rest)
        transcript = await client.hear_out()
    undisturbed = await converse(here.url, OPENING, *call.script)
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert facts(transcript) == facts(undisturbed)


async def test_a_connection_with_a_call_cannot_resume_another(here: Service):
    audio = talk_messages(1)
    transcript = await converse(
        here.url, OPENING, *audio[:20], resume("token"), *audio[20:], FINALIZE
    )
    assert transcript.errors == ["option_fixed"]
    assert transcript.close_code == 1000
    assert transcript.texts


@pytest.mark.parametrize(
    ("hasty_frame", "error", "close_code"),
    [
        ((Opcode.BINARY, bytes(320)), "resuming", POLICY_VIOLATION),
        ((Opcode.TEXT, b"hello"), "invalid_json", INVALID_DATA),
    ],
)
async def test_what_is_sent_before_the_place_is_known_ends_the_connection_and_not_the_call(
    here: Service, hasty_frame: tuple[Opcode, bytes], error: str, close_code: int
):
    call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script[:20])
        cut(client)
    async with line(f"{here.url}?resume=1") as hasty:
        frames = [(Opcode.TEXT, resume(call.token).encode()), hasty_frame]
        # In one segment: the gateway has not even asked Redis when the second is there.
        hasty.connection.transport.write(
            b"".join(Frame(opcode, data).serialize(mask=True) for opcode, data in frames)
        )
        refused = await hasty.hear_out()
    assert refused.errors == [error]
    assert refused.close_code == close_code
    async with call.back(here.url) as client:
        await client.say(*call.rest)
        transcript = await client.hear_out()
    assert transcript.errors == []
    assert transcript.texts


async def test_one_that_breaks_off_while_coming_back_may_come_back_again(here: Service):
    call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
    async with call.opened(here.url) as client:
        await client.say(*call.script[:20])
        cut(client)
    for _ in range(5):
        async with line(f"{here.url}?resume=1") as client:
            await client.say(resume(call.token))
            await asyncio.sleep(0)
            cut(client)
    async with call.back(here.url) as client:
        await client.say(*call.rest)
        transcript = await client.hear_out()
    undisturbed = await converse(here.url, OPENING, *call.script)
    assert facts(transcript) == facts(undisturbed)


async def test_who_hangs_up_has_ended_the_call_at_once(here: Service, bus: redis.Redis):
    call = CutCall(OPENING, talk_messages(1))
    async with call.opened(here.url) as client:
        await client.say(*call.script)
        await client.connection.close(1000)
    meta = keys.session_key(call.session, "meta")
    # Long before `--resume-s`, which is a minute.
    await wait_until(lambda: bus.hexists(meta, "e0"), "the call has ended")
    whole = await converse(f"{here.url}?resume=1", resume(call.token))
    (created,) = whole.of("session_created")
    assert created["ended"] is True
    assert whole.close_code == 1000
    assert whole.texts


async def test_who_comes_back_begins_no_new_call(here: Service):
    assert await answered(here.url, OPENING) == (["resume_expected"], POLICY_VIOLATION)


async def test_a_full_gateway_takes_back_its_own(bus_url: str):
    with gateway(bus_url, "--max-sessions", "1") as small:
        call = CutCall(OPENING, [*talk_messages(1), FINALIZE])
        async with call.opened(small.url) as older:
            await older.say(*call.script[:20])
            async with ws.connect(f"{small.url}?resume=1", proxy=None) as connection:
                newer = Line(connection)
                await newer.say(resume(call.token))
                created: Message = await newer.hear("session_created")
                call.resumed.append(created)
                await newer.say(*call.rest)
                transcript = await newer.hear_out()
        assert transcript.close_code == 1000
        assert transcript.texts
