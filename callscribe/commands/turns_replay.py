"""What other settings would have done with the pauses of stored calls. Pure.

A call's finals say where its speakers paused. A speaker who goes on within 2 s while nobody else
has spoken was still in a turn, as gateways judge it (`gateway.downlink.judgements`); else the turn
was over. Within an utterance a pause shows where words have times. A setting cuts each pause of a
turn that is longer than the silence it allows behind such a text, and makes each end of a turn wait
for that silence.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from common.audio import samples, seconds
from common.options import SessionOptions
from common.pipeline.speech import LEAD, TAIL
from gateway.downlink.judgements import goes_on
from gateway.endpointing.tail import evidence, patience

_LEAST_S = 0.2
"""Seconds without a word that are a pause; VAD announces none sooner."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence behind a text; `lasted` s within a turn, None where the turn was over."""

    text: str
    language: str | None
    lasted: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a setting does: the pauses within turns that it cuts, and how long ends wait, in s.

    `mean` and `p95` are None where no turn was over.
    """

    options: SessionOptions
    pauses: int
    cuts: int
    ends: int
    mean: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class _Said:
    start: int
    end: int
    text: str
    language: str | None
    reason: str
    words: Sequence[Mapping[str, Any]]


def pauses(transcript: Mapping[str, Any], trace: Mapping[str, Any]) -> list[Pause]:
    """Return the pauses of calls, from the answers of a gateway about them (docs/calls.md)."""
    reasons = {_place(each): each["reason"] for each in trace["utterances"]}
    lines: dict[tuple[str, int], list[_Said]] = {}
    for each in transcript["utterances"]:
        said = _Said(
            start=samples(each["start"]),
            end=samples(each["end"]),
            text=each["text"],
            language=each["language"],
            reason=reasons.get(_place(each), ""),
            words=each.get("words") or (),
        )
        lines.setdefault((each["session_id"], each["channel"]), []).append(said)
    found: list[Pause] = []
    for (session, channel), line in lines.items():
        others = [
            said
            for (other, number), some in lines.items()
            if other == session and number != channel
            for said in some
        ]
        for said, then in zip(line, [*line[1:], None], strict=True):
            found += _within(said)
            if said.reason == "silence":
                found.append(_behind(said, then, others))
    return found


def replay(pauses: Iterable[Pause], options: SessionOptions) -> Outcome:
    """Return what these options would have done."""
    within: list[bool] = []
    waits: list[float] = []
    for pause in pauses:
        silence = options.silence_threshold
        if options.by_words:
            silence = patience(evidence(pause.text, pause.language), options)
        if pause.lasted is None:
            waits.append(silence)
        else:
            within.append(silence < pause.lasted)
    waits.sort()
    return Outcome(
        options=options,
        pauses=len(within),
        cuts=sum(within),
        ends=len(waits),
        mean=sum(waits) / len(waits) if waits else None,
        p95=waits[int(0.95 * (len(waits) - 1))] if waits else None,
    )


def settings(silences: Sequence[float], given: SessionOptions) -> Iterator[SessionOptions]:
    """Yield the options for each silence, by silence alone and by what was said."""
    for silence in silences:
        yield replace(given, silence_threshold=silence, endpointing="silence")
    for silence in silences:
        yield replace(given, silence_threshold=silence, endpointing="turn")


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each outcome."""
    lines = [f"{'':>14} {'cut within turns':>18} {'an end waits, s':>18}"]
    lines.append(f"{'':>14} {'':>18} {'mean / p95':>18}")
    for each in outcomes:
        name = f"{each.options.endpointing} {each.options.silence_threshold:g} s"
        share = f" ({each.cuts / each.pauses:.0%})" if each.pauses else ""
        cuts = f"{each.cuts} of {each.pauses}{share}"
        waits = "–" if each.mean is None else f"{each.mean:.2f} / {each.p95:.2f}"
        lines.append(f"{name:>14} {cuts:>18} {waits:>18}")
    return "\n".join(lines)


def _place(each: Mapping[str, Any]) -> tuple[str, int, int]:
    return each["session_id"], each["channel"], each["utterance"]


def _behind(said: _Said, then: _Said | None, others: Sequence[_Said]) -> Pause:
    """Return the pause behind an utterance; `then` is the next of its speaker."""
    if then is None or not goes_on(said, then, others):
        return Pause(said.text, said.language, None)
    return Pause(said.text, said.language, seconds(then.start + LEAD - said.end + TAIL))


def _within(said: _Said) -> Iterator[Pause]:
    """Yield the pauses between the words of an utterance, if it has them."""
    for number, (word, then) in enumerate(pairwise(said.words), start=1):
        if (lasted := then["start"] - word["end"]) >= _LEAST_S:
            text = " ".join(each["word"] for each in said.words[:number])
            yield Pause(text, said.language, lasted)
