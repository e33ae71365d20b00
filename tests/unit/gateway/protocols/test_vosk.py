"""vosk-server: exactly one reply for each message."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import (
    About,
    Audio,
    AudioFormat,
    Command,
    Finish,
    Flush,
    Mistake,
    Open,
    Say,
)
from gateway.protocols.events import Ended, Failed, Final, Partial, Words
from gateway.protocols.vosk import VoskCodec
from tests.unit.gateway.finals import a_final

DEFAULTS = SessionOptions(language="German")
EOF, RESET = '{"eof" : 1}', '{"reset" : 1}'
HELLO = (TimedWord(" hello", 0, 8_000, 0.5),)


def codec(**config: Any) -> VoskCodec:
    one = VoskCodec(DEFAULTS, Request())
    if config:
        one.receive_text(json.dumps({"config": config}))
    return one


def final(text: str, utterance: int = 1, reason: Any = "silence", **more: Any) -> Final:
    return a_final(utterance=utterance, seq=utterance, at=20_000, text=text, reason=reason, **more)


def partial(text: str, utterance: int = 1) -> Partial:
    return Partial(0, utterance, 0, 8_000, text, 0, None)


def answers(commands: Sequence[Command]) -> list[Any]:
    said = [message for each in commands if isinstance(each, Say) for message in each.messages]
    return [json.loads(message) for message in said]


def reply(one: VoskCodec) -> Any:
    """The one reply to a message of audio."""
    (only,) = answers(one.receive_binary(b"ab"))
    return only


def told(one: VoskCodec, event: Any) -> list[Any]:
    return [json.loads(message) for message in one.render(event, 1.0)]


def test_a_call_opens_with_its_audio_at_8_khz():
    opening, audio, say = codec().receive_binary(b"ab")
    options = SessionOptions(language="German", words=True)
    assert opening == Open(options, AudioFormat("pcm16", 8_000, 1))
    assert audio == Audio(b"ab")
    assert isinstance(say, Say)
    assert say.messages == ['{"partial": ""}']


def test_a_config_opens_it_without_a_reply():
    config = {
        "sample_rate": 16_000.0,
        "words": 0,
        "max_alternatives": 0,
        "phrase_list": ["one two", "[unk]"],
        "conversation_id": "c",
        "language": "en",
        "model": "whatever",
    }
    options = SessionOptions(language="English", keywords=("one two",))
    about = About(conversation="c")
    assert codec().receive_text(json.dumps({"config": config})) == (
        Open(options, AudioFormat("pcm16", 16_000, 1), about=about),
    )


def test_a_later_config_is_left_out_as_by_vosk_server_and_counted():
    one = codec(sample_rate=8_000)
    (mistake,) = one.receive_text('{"config": {"sample_rate": 16000}}')
    assert isinstance(mistake, Mistake)
    assert mistake.code == "late_config"


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ('{"config": {"max_alternatives": 3}}', "max_alternatives"),
        ('{"config": {"sample_rate": "fast"}}', "sample_rate"),
        ('{"config": 1}', "config"),
        ('{"pause": 1}', "config, reset or eof"),
        ("eof", "JSON"),
    ],
)
def test_a_mistake_ends_the_connection_since_no_reply_could_tell(message, named):
    with pytest.raises(ClientError, match=named) as caught:
        codec().receive_text(message)
    assert caught.value.fatal
    (error,) = told(codec(), caught.value.event)
    assert named in error["error"]


def test_a_reply_has_the_partial_or_a_final_that_waits_the_oldest_first():
    one = codec()
    assert reply(one) == {"partial": ""}
    assert told(one, partial("hel")) == []
    assert reply(one) == {"partial": "hel"}
    for event in (final("hello"), final("world", 2), partial("again", 3)):
        assert told(one, event) == []
    assert [reply(one) for _ in range(3)] == [
        {"text": "hello"},
        {"text": "world"},
        {"partial": "again"},
    ]


def test_a_final_ends_its_partial():
    one = codec()
    told(one, partial("hel"))
    told(one, final(""))
    assert reply(one) == {"partial": ""}


def test_words_are_in_the_result():
    one = codec()
    told(one, a_final(at=20_000, words=HELLO))
    word = {"conf": 0.5, "end": 0.5, "start": 0.0, "word": "hello"}
    assert reply(one) == {"result": [word], "text": "hello"}


def test_words_that_come_later_are_added_while_the_final_waits():
    one = codec()
    told(one, final("hello", words_pending=True))
    told(one, Words(0, 1, 2, 0, 8_000, HELLO))
    told(one, Words(0, 9, 3, 0, 8_000, HELLO))
    assert [each["word"] for each in reply(one)["result"]] == ["hello"]


def test_without_words_there_is_no_result():
    one = codec(words=False)
    told(one, a_final(at=20_000, words=HELLO))
    assert reply(one) == {"text": "hello"}


@pytest.mark.parametrize("message", [EOF, '{"eof":1}', ' { "eof" : 1 } '])
def test_eof_has_one_reply_with_all_that_is_left(message):
    one = codec()
    reply(one)
    assert one.receive_text(message) == (Finish(),)
    assert told(one, final("hello")) == []
    assert told(one, final("world", 2, "finish")) == []
    assert told(one, Ended()) == [{"text": "hello world"}]


def test_eof_without_audio_has_its_reply_too():
    one = codec()
    opening, finish = one.receive_text(EOF)
    assert isinstance(opening, Open)
    assert finish == Finish()
    told(one, final("", reason="finish"))
    assert told(one, Ended()) == [{"text": ""}]


def test_nothing_follows_eof():
    one = codec()
    one.receive_text(EOF)
    assert one.receive_binary(b"ab") == ()
    assert one.receive_text(RESET) == ()


def test_a_reset_has_one_reply_and_the_call_goes_on():
    one = codec()
    reply(one)
    told(one, final("hello"))
    assert one.receive_text(RESET) == (Flush(),)
    assert told(one, final("world", 2, "flush")) == [{"text": "hello world"}]
    assert reply(one) == {"partial": ""}


def test_a_reset_whose_utterance_nobody_could_read_has_its_reply():
    one = codec()
    reply(one)
    one.receive_text(RESET)
    assert told(one, final("", 1, "failed")) == [{"text": ""}]
    assert reply(one) == {"partial": ""}
    assert told(one, final("", 2, "failed")) == [], "no reset waits"


def test_an_utterance_that_failed_is_told_in_the_next_reply():
    one = codec()
    reply(one)
    told(one, final("", 1, failed=True, trouble="out of order"))
    told(one, final("hello", 2))
    text = "speech from 0.00 s on could not be recognised: out of order"
    assert reply(one) == {"text": "", "error": text}
    assert reply(one) == {"text": "hello"}
    assert reply(one) == {"partial": ""}


def test_what_is_left_at_the_end_has_its_failures():
    one = codec()
    reply(one)
    one.receive_text(EOF)
    for each in (final("hello"), final("", 2, failed=True), final("world", 3)):
        told(one, each)
    text = "speech from 0.00 s on could not be recognised"
    assert told(one, Ended()) == [{"text": "hello world", "error": text}]


def test_replies_keep_the_order_of_the_messages():
    one = codec()
    one.receive_text(RESET)
    assert answers(one.receive_binary(b"ab")) == []
    one.receive_text(RESET)
    assert answers(one.receive_binary(b"ab")) == []
    assert told(one, final("hello", 1, "flush")) == [{"text": "hello"}, {"partial": ""}]
    assert told(one, final("", 2, "flush")) == [{"text": ""}, {"partial": ""}]


@given(st.lists(st.sampled_from(["audio", "reset", "final", "partial"]), max_size=30))
def test_there_are_as_many_replies_as_messages(steps):
    one, messages, replies, resets, texts = codec(), 0, 0, 0, []
    heard: list[str] = []

    def count(new: list[Any]) -> None:
        nonlocal replies
        replies += len(new)
        heard.extend(each["text"] for each in new if each.get("text"))

    for number, step in enumerate(steps):
        if step == "audio":
            messages += 1
            count(answers(one.receive_binary(b"ab")))
        elif step == "reset":
            messages, resets = messages + 1, resets + 1
            count(answers(one.receive_text(RESET)))
        elif step == "final":
            texts.append(f"t{number}")
            count(told(one, final(f"t{number}", number)))
        else:
            count(told(one, partial("p", number)))
    for _ in range(resets):
        count(told(one, final("", 99, "flush")))
    assert replies == messages
    one.receive_text(EOF)
    count(told(one, Ended()))
    assert replies == messages + 1
    assert " ".join(heard).split() == texts


def test_what_does_not_end_the_call_is_no_reply():
    assert told(codec(), Failed("x", "never mind", fatal=False)) == []
