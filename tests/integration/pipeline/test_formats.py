"""What a client may send and ask for, each in a real call."""

import asyncio
import io
import json

import numpy as np
import pytest
import soundfile
import soxr

from common.audio import FloatArray
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    SPEECH_EVENTS,
    clip,
    config,
    converse,
    line,
    messages,
    pcm16,
    said,
    sentence,
    split,
)

pytestmark = pytest.mark.model_text

FOX = "The quick brown fox jumps over the lazy dog."


def mulaw(audio: FloatArray) -> bytes:
    """Encode at 8 kHz, as a telephone line does."""
    file = io.BytesIO()
    soundfile.write(file, soxr.resample(audio, 16_000, 8_000), 8_000, format="RAW", subtype="ULAW")
    return file.getvalue()


def float32(audio: FloatArray, rate: int) -> bytes:
    resampled: FloatArray = soxr.resample(audio, 16_000, rate)
    return resampled.astype("<f4").tobytes()


@pytest.mark.parametrize(
    ("options", "encode"),
    [
        ({"encoding": "mulaw", "sample_rate": 8_000}, mulaw),
        ({"encoding": "float32", "sample_rate": 44_100}, lambda a: float32(a, 44_100)),
        ({"encoding": "pcm16", "denoise": True}, pcm16),
        ({"denoise": True, "post_filter": True, "attenuation_limit": 24}, pcm16),
        (
            {"encoding": "float32", "denoise": True, "sample_rate": 48_000},
            lambda a: float32(a, 48_000),
        ),
    ],
    ids=["mulaw-8k", "float32-44k", "denoise", "denoise-tuned", "denoise-float32-48k"],
)
async def test_a_format_is_understood(stack: RunningStack, options, encode):
    audio = split(encode(sentence()), 3_333)
    transcript = await converse(stack.url, config(**options), *audio, FINALIZE)
    assert transcript.errors == []
    assert transcript.texts == [FOX]
    assert transcript.close_code == 1000


async def test_channels_are_transcribed_apart(stack: RunningStack):
    left, right = said(sentence()), said(1.5, clip("counting"), 0.5)
    length = max(len(left), len(right))
    stereo = np.stack([np.pad(leg, (0, length - len(leg))) for leg in (left, right)], axis=1)
    opening = config(channels=2, interim_results=False)
    transcript = await converse(stack.url, opening, *split(pcm16(stereo), 6_401), FINALIZE)
    texts = {c: " ".join(f["text"] for f in transcript.finals if f["channel"] == c) for c in (0, 1)}
    assert texts[0].strip() == FOX
    assert "fox" not in texts[1]
    assert texts[1].strip()


async def test_words_have_their_times(stack: RunningStack):
    transcript = await converse(stack.url, config(words=True), *messages(sentence()), FINALIZE)
    (final,) = [f for f in transcript.finals if f["text"]]
    words = final["words"]
    assert " ".join(word["word"].strip() for word in words) == FOX
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert final["start"] <= times[0]
    assert times[-1] <= final["end"]
    assert all(0 <= word["probability"] <= 1 for word in words)


async def test_a_flush_is_answered_by_one_final_and_the_call_goes_on(stack: RunningStack):
    audio = sentence()
    middle = len(audio) // 2
    async with line(stack.url) as client:
        await client.say(config(), *messages(audio[:middle]), FLUSH)
        first = await client.hear("final")
        await client.say(*messages(audio[middle:]), FINALIZE)
        transcript = await client.hear_out()
    assert first["text"]
    assert len(transcript.finals) == 2
    assert first["end"] <= transcript.finals[1]["start"]
    assert FOX.startswith(first["text"].rstrip(".,- ")[:10])
    assert transcript.close_code == 1000


async def test_a_flush_with_nothing_open_is_answered_too(stack: RunningStack):
    async with line(stack.url) as client:
        await client.say(config(), *messages(said(0.5)), FLUSH)
        empty = await client.hear("final")
        await client.say(FLUSH, FLUSH, FINALIZE)
        transcript = await client.hear_out()
    assert empty["text"] == ""
    assert [f["text"] for f in transcript.finals] == [""] * 4
    assert [f["seq"] for f in transcript.finals] == [1, 2, 3, 4]


async def test_finalize_at_once_is_answered_and_closes(stack: RunningStack):
    transcript = await converse(stack.url, config(), FINALIZE)
    assert [f["text"] for f in transcript.finals] == [""]
    assert transcript.close_code == 1000


async def test_thresholds_change_from_the_audio_sent_so_far_on(stack: RunningStack):
    audio = said(clip("quick_brown_fox"), 0.6, clip("quick_brown_fox"), 1.2)
    opening = config(silence_threshold=1.0, interim_results=False)
    change = json.dumps({"type": "config", "silence_threshold": 0.4})
    sent: list[str | bytes] = [*messages(audio), change, *messages(audio), FINALIZE]
    transcript = await converse(stack.url, opening, *sent)
    assert len(transcript.texts) == 3


async def test_the_language_changes_from_the_audio_sent_so_far_on(stack: RunningStack):
    audio = [*messages(said(clip("quick_brown_fox"), 1.2))]
    german, english = ({"type": "config", "language": name} for name in ("German", "en"))
    sent: list[str | bytes] = [
        *audio,
        json.dumps(german),
        *audio,
        json.dumps(english),
        *audio,
        FINALIZE,
    ]
    transcript = await converse(stack.url, config(interim_results=False), *sent)
    # The embedded engine knows English only and says so.
    assert transcript.errors == ["utterance_failed"]
    assert transcript.texts == [FOX, FOX]


@pytest.mark.parametrize("events", [(), ("speech_ended",), SPEECH_EVENTS])
async def test_only_events_that_were_asked_for_are_sent(stack: RunningStack, events):
    audio = messages(sentence())
    transcript = await converse(stack.url, config(events=events), *audio, FINALIZE)
    sent = {message["type"] for message in transcript.messages}
    assert sent & set(SPEECH_EVENTS) == {*events} - {"gap"}


async def test_a_client_of_the_old_protocol_never_meets_a_new_type(stack: RunningStack):
    """It says what the documents the protocol was taken from say, and not a word more."""
    opening = {
        **{"type": "config", "context": "", "language": None},
        **{"unfixed_chunk_num": 4, "unfixed_token_num": 5, "chunk_size_sec": 1.0},
    }
    audio = said(clip("quick_brown_fox"), 1.2, clip("quick_brown_fox"), 1.2)
    sent: list[str | bytes] = [
        json.dumps(opening),
        *split(audio.astype("<f4").tobytes(), 4 * 1_600),
        FINALIZE,
    ]
    transcript = await converse(stack.url, *sent, pace=0.02)
    assert {m["type"] for m in transcript.messages} <= {"session_created", "partial", "final"}
    assert transcript.texts == [FOX, FOX]
    assert all(f["is_speech_final"] for f in transcript.finals)
    assert all({"language", "text", "timestamp"} <= m.keys() for m in transcript.of("partial"))


async def test_calls_at_once_do_not_mix(stack: RunningStack):
    names = ("quick_brown_fox", "hello_world", "counting")
    alone = [
        (await converse(stack.url, config(), *messages(said(clip(n), 1.0)), FINALIZE)).texts
        for n in names
    ]
    together = await asyncio.gather(
        *(converse(stack.url, config(), *messages(said(clip(n), 1.0)), FINALIZE) for n in names * 2)
    )
    assert [transcript.texts for transcript in together] == alone * 2
