"""A call and its utterances as the tests of spans have them."""

from dataclasses import replace
from typing import Any

from common.options import SessionOptions
from common.pipeline.text import TimedWord
from common.pipeline.trace import Decoding, Endpoint, SentFinal
from gateway.calls.directory import Known
from gateway.protocols.commands import About, AudioFormat
from gateway.protocols.events import Final
from gateway.readers.trace import Traced
from gateway.record import CallSpan, SessionRecord

SPAN = CallSpan(trace="0af7651916cd43dd8448eb211c80319c", span="00f067aa0ba902b7", begun=1000.0)
RECORD = SessionRecord(
    SessionOptions(language="English", context="secret", keywords=("secret",)),
    AudioFormat("pcm16", 16_000, 2),
    frozenset(),
    About(labels=("secret", "secret"), conversation="secret", name="secret"),
    stages=frozenset({"align"}),
    doorbell="gw",
    span=SPAN,
)
KNOWN = Known("s", RECORD, "gw", 1_000_000)
FINAL = Final(
    channel=1,
    utterance=3,
    seq=5,
    start=32_000,
    end=48_000,
    at=56_000,
    text="secret words",
    language="English",
    words=(TimedWord("secret", 32_000, 40_000, 0.5), TimedWord("words", 40_000, 48_000, 0.5)),
    reason="silence",
    endpoint=Endpoint(heard=1003.625, decided=1003.75, worker="vad-1"),
    decoding=Decoding(begun=1003.25, ended=1003.5, worker="asr-1"),
    committed=1003.875,
)
SENT = SentFinal(
    channel=1,
    utterance=3,
    gateway="gw",
    spoken=1003.0,
    received=1003.5,
    stored=1003.5625,
    sent=1004.0,
)


def traced(sent: SentFinal | None = SENT, **changed: Any) -> Traced:
    """Return an utterance, changed so."""
    final = replace(FINAL, **changed)
    return Traced(KNOWN, 0.0, final, final.words, sent, ())
