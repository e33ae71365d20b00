"""One example of every message between processes, and values of every kind of record."""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from common.options import SessionOptions
from common.pipeline import control, partial, progress, report, speech, text, trace, work
from common.pipeline.record import Message
from common.pipeline.slot import Heard, Slot
from common.pipeline.stream_ids import StreamId

OPTIONS = SessionOptions(language="English", keywords=("callscribe",), words=True)

ENDPOINT = trace.Endpoint(
    heard=1.25, decided=1.5, worker="vad-1", denoised=1.125, denoiser="denoise-1"
)
DECODING = trace.Decoding(begun=1.5, ended=1.75, worker="asr-1")

EXAMPLES: dict[str, tuple[Message[Any], Any]] = {
    "control-flush": (control.COMMAND, control.Flush()),
    "control-config": (control.COMMAND, control.Configure(OPTIONS)),
    "control-end": (control.COMMAND, control.End()),
    "control-digit": (control.COMMAND, control.Digit(channel=1, digit="#")),
    "control-hint": (
        control.COMMAND,
        control.Hint(channel=1, utterance=7, end=80_000, silence=6_400),
    ),
    "control-hint-eager": (
        control.COMMAND,
        control.Hint(
            channel=1,
            utterance=7,
            end=80_000,
            silence=6_400,
            eager=3_700,
            text="Thank you.",
            evidence="closed",
        ),
    ),
    "work-leg": (
        work.LEG_WORK,
        work.LegWork(
            options=OPTIONS,
            gateway="gw-1",
            source="clean",
            events=True,
            offered=1.5,
            tenant="acme",
        ),
    ),
    "work-utterance": (
        work.UTTERANCE_WORK,
        work.UtteranceWork(
            utterance=7,
            start=48_000,
            source="audio",
            gateway="gw-1",
            options=OPTIONS,
            beside=frozenset({"align"}),
            live=True,
            after=b"3-14",
            offered=1.5,
            tenant="acme",
        ),
    ),
    "work-text": (
        work.TEXT_WORK,
        work.TextWork(
            utterance=7,
            digest="0123456789abcdef",
            source="audio",
            start=48_000,
            end=96_000,
            text="Guten Tag.",
            language="German",
            gateway="gw-1",
            offered=1.5,
        ),
    ),
    "speech-entry": (
        speech.SPEECH_ENTRY,
        speech.SpeechEntry(
            StreamId(96_000, 2),
            (
                speech.Gap(16_000, 16_512),
                speech.Started(7, 48_000, 56_320, 0.75),
                speech.Paused(7, 48_000, 80_000, 84_480),
                speech.Resumed(7, 86_016),
                speech.Ended(7, 48_000, 96_000, 96_000, "flush"),
                speech.Flushed(8, 96_000),
                speech.Dtmf(96_000, "5"),
            ),
        ),
    ),
    "speech-entry-endpoint": (
        speech.SPEECH_ENTRY,
        speech.SpeechEntry(
            StreamId(96_000, 0), (speech.Ended(7, 48_000, 80_000, 96_000, "silence"),), ENDPOINT
        ),
    ),
    "speech-entry-likely": (
        speech.SPEECH_ENTRY,
        speech.SpeechEntry(
            StreamId(84_480, 2),
            (),
            likely=speech.Likely(7, 48_000, 80_000, 84_480, 6_080, 6_400, "Guten Tag.", "closed"),
        ),
    ),
    "speech-entry-trouble": (
        speech.SPEECH_ENTRY,
        speech.SpeechEntry(
            StreamId(96_000, 0), (), trouble=speech.Trouble(96_000, "low_level", -74.5)
        ),
    ),
    "speech-entry-voiced": (
        speech.SPEECH_ENTRY,
        speech.SpeechEntry(
            StreamId(84_480, 0), (speech.Paused(7, 48_000, 80_000, 84_480),), voiced=27_136
        ),
    ),
    "partial": (partial.PARTIAL_TEXT, partial.PartialText(48_000, 64_000, "Guten", 3, "German")),
    "partial-paused": (
        partial.PARTIAL_TEXT,
        partial.PartialText(48_000, 80_000, "Guten Tag.", 5, "German", paused=True),
    ),
    "partial-mark": (
        partial.PARTIAL_TEXT,
        partial.PartialText(48_000, 80_000, "Guten Tag.", 5, "German", paused=True, mark=0.75),
    ),
    "partial-slot": (
        partial.PARTIAL_TEXT,
        partial.PartialText(
            48_000,
            80_000,
            "forty two",
            0,
            "English",
            paused=True,
            slot=Slot("digits 10", (Heard("42", (0.5, 0.75)), Heard("", mark="corrects"))),
        ),
    ),
    "text-final": (
        text.ITEM,
        text.Final(
            start=48_000,
            end=96_000,
            at=108_800,
            text="Guten Tag.",
            language="German",
            words=(text.TimedWord("Guten", 48_000, 64_000, 0.5),),
            reason="silence",
        ),
    ),
    "text-final-stamped": (
        text.ITEM,
        text.Final(
            start=48_000,
            end=96_000,
            at=108_800,
            text="Guten Tag.",
            reason="silence",
            endpoint=ENDPOINT,
            decoding=DECODING,
        ),
    ),
    "text-final-detected": (
        text.ITEM,
        text.Final(
            start=48_000,
            end=96_000,
            at=108_800,
            text="Guten Tag.",
            language="German",
            language_confidence=0.75,
            reason="silence",
        ),
    ),
    "text-final-voices": (
        text.ITEM,
        text.Final(
            start=48_000,
            end=96_000,
            at=108_800,
            text="Guten Tag.",
            reason="silence",
            voices=(text.Voice.of(48_000, 96_000, bytes(range(256))),),
        ),
    ),
    "text-final-failed": (text.ITEM, text.Final.lost(48_000, "it broke")),
    "text-final-empty": (text.ITEM, text.Final.empty(96_000, "flush")),
    "text-end": (text.ITEM, text.End()),
    "text-words": (text.WORDS, text.Words((text.TimedWord("Guten", 48_000, 64_000, 0.5),))),
    "text-words-none": (text.WORDS, text.Words(None, "the aligner failed")),
    "trace-final": (
        trace.TRACE_ENTRY,
        trace.SentFinal(
            channel=1,
            utterance=7,
            gateway="gw-1",
            spoken=0.5,
            received=1.0,
            stored=None,
            sent=2.0,
            words=(0.25, None),
        ),
    ),
    "trace-words": (
        trace.TRACE_ENTRY,
        trace.SentWords(channel=1, utterance=7, words=(0.25, None)),
    ),
    "report": (report.WORKER_REPORT, report.WorkerReport(at=1.5, slots=8, used=3, lag=0.25)),
    "report-vad": (
        report.WORKER_REPORT,
        report.WorkerReport(
            at=1.5, slots=8, used=3, lag=0.25, load=report.VadLoad(audio=2.5, recordings=1)
        ),
    ),
    "report-asr": (
        report.WORKER_REPORT,
        report.WorkerReport(
            at=1.5,
            slots=8,
            used=3,
            lag=0.25,
            release="1.2.3",
            load=report.AsrLoad(
                places=2, occupied=4.5, work=2.5, ends=9, late=1, overdue=0, decode=0.125
            ),
        ),
    ),
    "report-asr-proved": (
        report.WORKER_REPORT,
        report.WorkerReport(
            at=1.5,
            slots=8,
            used=3,
            lag=0.25,
            load=report.AsrLoad(
                places=2, occupied=4.5, work=2.5, ends=9, late=1, overdue=0, decode=0.125, legs=12
            ),
        ),
    ),
    "progress": (progress.PROGRESS, progress.Progress(StreamId(96_000, 2))),
    "options": (Message(SessionOptions), OPTIONS),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Everything that a field with this type hint may hold."""
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**63), 2**64 - 1),
        float: st.floats(allow_nan=False),
        str: st.text(max_size=20),
        bytes: st.binary(max_size=20),
        bool: st.booleans(),
        NoneType: st.none(),
    }
    if hint in plain:
        return plain[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([values(each) for each in arguments])
    if origin is frozenset:  # of names; one that is another field's is none
        return st.frozensets(st.sampled_from(("align", "denoise", "later")))
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=4).map(tuple)
    hints = get_type_hints(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return st.builds(hint, **{each.name: values(hints[each.name]) for each in fields(hint)})
    return st.builds(hint, **{name: values(each) for name, each in hints.items()})
