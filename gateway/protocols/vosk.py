"""The protocol of vosk-server, ``/vosk``: PCM16 in, exactly one reply for each message.

    client   {"config": {"sample_rate": 8000, "words": true, "phrase_list": […]}}    no reply
             binary audio            reply: a final that waits, else the partial
             {"reset" : 1}           reply: what was said, and the call goes on
             {"eof" : 1}             reply: all that is left, then the server closes
    server   {"partial": "…"}, {"text": "…", "result": [{"conf", "start", "end", "word"}, …]}

A reply to audio comes immediately, with what is known by then. So a text may come with the reply
to later audio. Replies keep the order of the messages: one to `reset` waits for its text, and
those after it wait, too.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.audio import rounded_seconds
from common.options import Kind, SessionOptions
from common.pipeline.text import TimedWord
from gateway.protocols import fields, telephony
from gateway.protocols.api import (
    WARM,
    Carrier,
    ClientError,
    Codec,
    Message,
    Protocol,
    Request,
)
from gateway.protocols.commands import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    Audio,
    AudioFormat,
    Command,
    Finish,
    Flush,
    Mistake,
    Open,
    Say,
)
from gateway.protocols.events import Ended, Event, Failed, Final, Partial, Words

MOST_TEXT = 1 << 17
"""Characters of a text message: `phrase_list` at its longest, each character escaped."""

_RATE = 8_000
_UNKNOWN_WORD = "[unk]"
"""What vosk's grammars write for any other word."""

_CONFIG: Mapping[str, fields.Reader] = {
    **telephony.READERS,
    "sample_rate": telephony.loose(Kind.INT, fields.integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)),
    "max_alternatives": telephony.loose(Kind.INT, fields.one_of((0,))),
    "phrase_list": telephony.READERS["keywords"],
}


class VoskCodec(Codec):
    """One connection's codec."""

    def __init__(self, defaults: SessionOptions, request: Request) -> None:
        del request  # everything is said in messages
        self._defaults = replace(defaults, words=True)
        self._words = True
        self._open = self._finished = False
        self._finals: deque[Final] = deque()
        """Finals that no reply has told."""
        self._partial = ""
        self._owed: deque[bool] = deque()
        """Messages without a reply, in order; True for a `reset`."""

    def receive_text(self, message: str) -> Sequence[Command]:
        """See `Codec`."""
        try:
            fields.check_length(message, MOST_TEXT)
            return self._receive(fields.parse_object(message))
        except ClientError as error:
            # There is no reply that says what was wrong, and the client waits for one.
            raise fields.fatal(error) from None

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """See `Codec`."""
        if self._finished:
            return ()
        opening = self._opening({})
        self._owed.append(False)
        audio = (Audio(data),) if data else ()
        return (*opening, *audio, Say(self._replies()))

    def render(self, event: Event, now: float) -> Sequence[Message]:
        """See `Codec`."""
        match event:
            case Partial():
                self._partial = event.text
            case Final():
                self._partial = ""
                if event.text or event.failed:
                    self._finals.append(event)
                # Of an utterance that nobody could read, it is not known what ended it.
                if event.reason in ("flush", "failed"):
                    return self._after_reset()
            case Words():
                self._attach(event)
            case Ended():
                return (*self._replies(), self._rest())
            case Failed(fatal=True):
                return (_json({"error": event.message, "code": event.code}),)
        return ()

    # --- from the client ---

    def _receive(self, body: Mapping[str, object]) -> Sequence[Command]:
        if self._finished:
            return ()
        if "config" in body:
            config = fields.mapping("config", body["config"])
            if self._open:
                return (Mistake("late_config", "a config behind the first is not used"),)
            return self._opening(config)
        if "reset" in body:
            opening = self._opening({})
            self._owed.append(True)
            return (*opening, Flush())
        if "eof" in body:
            opening = self._opening({})
            self._finished = True
            return (*opening, Finish())
        raise ClientError("unknown_type", "a text message has config, reset or eof")

    def _opening(self, config: Mapping[str, object]) -> Sequence[Command]:
        """Open the call, unless it is open: vosk-server ignores a config after its first use."""
        if self._open:
            return ()
        given = telephony.pick(_CONFIG, config)
        phrases = tuple(each for each in given.get("phrase_list", ()) if each != _UNKNOWN_WORD)
        if phrases:
            given["keywords"] = phrases
        options, about = telephony.terms(self._defaults, given, labels=("",))
        self._words, self._open = options.words, True
        audio = AudioFormat("pcm16", given.get("sample_rate", _RATE), 1)
        return (Open(options, audio, about=about),)

    # --- to the client ---

    def _replies(self) -> list[str]:
        """Reply to messages of audio up to the first `reset` whose text is not known yet."""
        replies: list[str] = []
        while self._owed and not self._owed[0]:
            self._owed.popleft()
            replies.append(self._next())
        return replies

    def _next(self) -> str:
        if self._finals:
            return self._told([self._finals.popleft()])
        return _json({"partial": self._partial})

    def _after_reset(self) -> list[str]:
        if not self._owed:
            return []
        # All that came before a reset has its reply, so the oldest without one is the reset.
        self._owed.popleft()
        return [self._rest(), *self._replies()]

    def _rest(self) -> str:
        """Tell all that was said and not told."""
        finals = [*self._finals]
        self._finals.clear()
        return self._told(finals)

    def _told(self, finals: Sequence[Final]) -> str:
        words = [_word(word) for final in finals for word in final.words or ()]
        result = {"result": words} if words and self._words else {}
        said = " ".join(filter(None, (final.text.strip() for final in finals)))
        failures = [final.failure for final in finals if final.failed]
        error = {"error": "; ".join(failures)} if failures else {}
        return _json({**result, "text": said, **error})

    def _attach(self, late: Words) -> None:
        """Add words that come after their final, if it was not told yet."""
        for index, final in enumerate(self._finals):
            if final.utterance == late.utterance:
                self._finals[index] = replace(final, words=late.words)


def _word(word: TimedWord) -> dict[str, Any]:
    return {
        "conf": round(word.probability, 6),
        "end": rounded_seconds(word.end),
        "start": rounded_seconds(word.start),
        "word": word.text.strip(),
    }


def _json(message: Mapping[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


PROTOCOL = Protocol("vosk", VoskCodec, path="/vosk", credential_in=Carrier.QUERY, waits_s=WARM)
OWN_PORT = Protocol(
    "vosk_ws",
    VoskCodec,
    path="/",
    port="vosk_port",
    usual_port=2700,
    credential_in=Carrier.QUERY,
    waits_s=WARM,
)
"""For clients that cannot be given a path: vosk-server's own port has none."""
