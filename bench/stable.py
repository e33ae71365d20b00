"""How stable stable text is, what that costs in words, and how late it comes.

    python -m bench stable [--engine NAME] [--noise NAME --snr DB] [--short] [--json FILE]

Lines of speech with known words go through the real stages in this process (`bench.in_process`),
once with partials and once without. Without partials a final is what the decode of the whole
utterance says; with them it continues the stable words.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from asr_worker import engines
from asr_worker.api import EngineSettings
from bench import noisy, record, speech
from bench.accounting import quantile
from bench.in_process import Heard, Line
from bench.noisy import SpokenLine
from bench.options import parser_of
from callscribe.loadtest.scoring import normalise, score
from callscribe.loadtest.tally import Spoken
from common.audio import seconds
from common.options import SessionOptions
from vad_worker.model import SileroVad

_WITH = SessionOptions(language="English")
_WITHOUT = SessionOptions(language="English", interim_results=False)


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when a final does not begin with its stable words."""
    parser = parser_of("stable", __doc__, short="a little of everything", engine=True)
    parser.add_argument("--noise", choices=noisy.NAMES, default="pink")
    parser.add_argument("--snr", type=float, metavar="DB", help="none: no noise")
    options = parser.parse_args(argv)
    report = asyncio.run(_run(options))
    print(json.dumps(report, indent=2))
    if options.json:
        record.write(options.json, report)
    return 1 if report["finals_that_break_it"] else 0


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    engine = engines.build(options.engine, EngineSettings(concurrency=1))
    await engine.start()
    through = Line(engine, SileroVad())
    pairs: list[tuple[SpokenLine, list[Heard], list[Heard]]] = []
    for line in noisy.lines(short=options.short):
        audio = noisy.mixed(line, options.noise, options.snr)
        shown = await through.hear(audio, _WITH)
        pairs.append((line, shown, await through.hear(audio, _WITHOUT)))
    await engine.close()
    return _report(pairs)


def _report(pairs: Sequence[tuple[SpokenLine, list[Heard], list[Heard]]]) -> dict[str, Any]:
    stable = changed = otherwise = breaks = 0
    firsts: list[float] = []
    for _, shown, alone in pairs:
        for utterance, decoded in zip(shown, alone, strict=True):
            last = utterance.partials[-1] if utterance.partials else None
            kept = _words(last.text[: last.stable] if last else "")
            heard = _words(decoded.text)
            same = SequenceMatcher(None, kept, heard, autojunk=False).get_matching_blocks()
            stable += len(kept)
            changed += len(kept) - sum(block.size for block in same)
            otherwise += heard[: len(kept)] != kept
            breaks += _words(utterance.text)[: len(kept)] != kept
            ends = [partial.end for partial in utterance.partials if partial.stable]
            firsts += [seconds(ends[0] - utterance.start)] if ends else []
    published = score(_spoken(line, heard) for line, heard, _ in pairs)
    decoded_alone = score(_spoken(line, heard) for line, _, heard in pairs)
    return {
        "words": published.reference,
        "stable_words": stable,
        "stable_words_that_a_decode_alone_hears_otherwise_percent": _percent(changed, stable),
        "utterances": sum(len(shown) for _, shown, _ in pairs),
        "utterances_that_differ_from_a_decode_alone": otherwise,
        "finals_that_break_it": breaks,
        "wrong_percent": _percent(published.errors, published.reference),
        "wrong_decoded_alone_percent": _percent(decoded_alone.errors, decoded_alone.reference),
        "first_stable_word_s": {"p50": quantile(firsts, 0.5), "p95": quantile(firsts, 0.95)},
    }


def _spoken(line: SpokenLine, heard: Sequence[Heard]) -> Spoken:
    text = " ".join(each.text for each in heard)
    return Spoken(tuple(map(speech.one_notation, line.passages)), speech.one_notation(text))


def _words(text: str) -> list[str]:
    return normalise(text).split()


def _percent(part: int, whole: int) -> float:
    return round(100 * part / max(1, whole), 2)
