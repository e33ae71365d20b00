"""The result of a proof: figures for programs, and lines for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from callscribe.prove import search
from callscribe.prove.objective import Objective
from callscribe.prove.proof import Judged, Outcome


def figures(
    outcome: Outcome, objective: Objective, workers: int, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything that was measured, as JSON has it; `about` says on what."""
    calls, limits = outcome.figure, outcome.limits
    return {
        **about,
        "objective": asdict(objective),
        "proved": outcome.proved,
        "calls": calls,
        "legs_per_worker": calls // workers,
        "limits": limits,
        "capped": outcome.capped,
        "limits_apart": round(search.apart(limits), 4),
        "margin": round(margin(outcome), 4),
        "word_errors_with_few_calls": outcome.base_wer,
        "trials": [_trial(each) for each in outcome.judged],
    }


def margin(outcome: Outcome) -> float:
    """Return the share by which the figure is below the least limit."""
    return 1 - outcome.figure / min(outcome.limits) if outcome.figure else 0.0


def line(judged: Judged) -> str:
    """Return one trial as a line."""
    found = judged.trial.measured
    calls = f"{judged.trial.calls} call{'s' if judged.trial.calls > 1 else ' '}"
    final, partial = _shown(found.final_ms), _shown(found.partial_ms)
    wer = "-" if found.wer is None else f"{100 * found.wer:.1f} %"
    why = "; ".join(each.text for each in judged.breaches)
    refused = f", {found.most_up} up, {found.refused} refused" if found.refused else ""
    return (
        f"{judged.phase:>8}  {calls:>9}  finals {final:>8}"
        f"  partials {partial:>8}  word errors {wer:>6}  "
        f"{'holds' + refused if judged.held else 'breaks: ' + why}"
    )


def verdict(outcome: Outcome, hold_s: float) -> str:
    """Return what was found, in sentences."""
    found = _verdict(outcome, hold_s)
    if outcome.base_wer is not None:
        return found
    return (
        f"{found}\nword errors were not judged, since no recording was heard from end to end:"
        " choose shorter ones, or a longer --dwell"
    )


def _verdict(outcome: Outcome, hold_s: float) -> str:
    limits = outcome.limits
    told = " and ".join(map(str, limits))
    if not min(limits):
        return "not proved: the objective does not hold with a single call"
    if not search.agree(limits):
        return (
            f"not proved: the runs differ by {search.apart(limits):.0%} (up to {told} calls):"
            " is the machine busy with something else?"
        )
    if not any(each.phase == "figure" for each in outcome.judged):
        return f"not proved: the limit, {told} calls, is less than a call for each recogniser"
    if not outcome.figure:
        return _fallen(outcome, f"not proved: the objective held with up to {told} calls", hold_s)
    surplus = outcome.judged[-1]
    apart = f", {search.apart(limits):.0%} apart" if len(limits) > 1 else ""
    limit = f"{told} calls{apart}"
    carried = f"{outcome.figure} calls of one channel"
    if outcome.capped:
        limit, carried = f"at least {min(limits)} calls; more are not tried", f"at least {carried}"
    return (
        f"this machine carries {carried}, {margin(outcome):.0%} below the limit\n"
        f"the limit: {limit}\n"
        f"with {outcome.figure} calls the objective held for {hold_s:g} s;"
        f" of {surplus.trial.calls} asked, {surplus.trial.measured.most_up} were let in, the others"
        f" refused, and it held again"
    )


def _fallen(outcome: Outcome, held: str, hold_s: float) -> str:
    """Return why no figure was proved; a surplus was only tried where the figure itself held."""
    tried = [pair for pair in pairwise(outcome.judged) if pair[1].phase == "surplus"]
    if not tried:
        return f"{held}, but not for {hold_s:g} s"
    figure, surplus = tried[-1]
    why = "; ".join(each.text for each in surplus.breaches)
    return (
        f"{held}, and with {figure.trial.calls} for {hold_s:g} s, but not when"
        f" {surplus.trial.calls} were asked for: {why}"
    )


def title(about: Mapping[str, Any]) -> str:
    """Return what is being proved, as a line."""
    machine, model, corpus = about["machine"], about["model"], about["corpus"]
    cores = machine["cores"] or machine["cores_of_all"]
    named = model["model"] or "its own model"
    return (
        f"{cores} cores, {machine['processor']}; {model['engine']} with {named};"
        f" {corpus['name']}, {corpus['seconds']:g} s, {corpus['words']} words"
    )


def _trial(judged: Judged) -> dict[str, Any]:
    trial = judged.trial
    return {
        "phase": judged.phase,
        "calls": trial.calls,
        "seconds": trial.seconds,
        "ramp_s": trial.ramp_s,
        "held": judged.held,
        "breaches": [each.text for each in judged.breaches],
        "measured": asdict(trial.measured),
        "load": trial.figures,
        "samples_ms": trial.samples_ms,
    }


def _shown(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.0f} ms"


def of_phase(judged: Sequence[Judged], phase: str) -> list[Judged]:
    """Return the trials of one phase, those with fewer calls first."""
    return sorted((e for e in judged if e.phase == phase), key=lambda each: each.trial.calls)
