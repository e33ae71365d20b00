"""Names that are heard because a call has them as keywords, and that are heard without being said.

    python -m bench keyterms [--engine NAME] [--minutes N] [--short] [--json FILE]

Fifty odd names, each in one sentence, are said by three synthetic voices (Debian's `flite`; no
package has recordings of such names), and decoded without keywords, with ten, and with all fifty.
Then other speech, in which one of them is said once, is decoded without keywords and with all
fifty: the read speech, the sample call, and voice prompts of a telephone system, as far as
installed; as it is, and in pink noise 10 dB below it.
"""

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import which
from typing import NamedTuple

import numpy as np

from asr_worker import engines
from asr_worker.api import Engine, EngineSettings
from bench import noisy, record, speech
from bench.options import parser_of
from bench.prompts import prompts
from bench.recordings import channels
from callscribe.loadtest.scoring import normalise, word_errors
from common.audio import SAMPLE_RATE, FloatArray

_NAMES = (
    "Abernathy Aldridge Barclift Beauregard Birtwistle Blanchard Brannigan Carmichael Castellano "
    "Cavendish Chatterjee Cholmondeley Dashwood Delacroix Dombrowski Ellsworth Fairweather "
    "Fitzgerald Gallagher Goldsworthy Hathaway Higginbotham Hutchinson Jankowski Kaczmarek "
    "Kavanagh Kowalski Lindqvist Livingstone MacAllister Marchetti Montague Nakamura Novak "
    "Okonkwo Papadopoulos Pemberton Petrova Quintana Ravenscroft Rosenthal Satterfield Sinclair "
    "Szymanski Thistlewood Underhill Vandermeer Whitaker Yamamoto Zimmerman"
)
NAMES = tuple(_NAMES.split())
_SENTENCES = (
    "My name is {}, and I have a question.",
    "Could you put me through to {}, please?",
    "I spoke with {} about it yesterday.",
    "The contract was signed by {} last week.",
    "Please send the invoice to {} instead.",
)
_VOICES = ("slt", "rms", "awb")
_GROUP = 10
"""Names that a call expects where it expects few."""
_NOISE_BELOW = 10.0
"""dB by which the noise is below other speech."""
_BEFORE, _BEHIND = SAMPLE_RATE // 5, SAMPLE_RATE * 2 // 5


class Said(NamedTuple):
    """Utterances, float32 [n] at 16 kHz, their text, and the name in it, if there is one."""

    utterances: Sequence[FloatArray]
    text: str
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of some speech with a number of keywords.

    `found`: names that were said and heard; `invented`: names that were heard and not said.
    """

    speech: str
    keywords: int
    minutes: float
    names: int
    found: int
    invented: int
    words: int
    wrong: int
    cpu_s_per_s: float


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero where keywords are of no use, or invented."""
    parser = parser_of(
        "keyterms", __doc__, short="ten names, a minute of other speech", engine=True
    )
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N", help="of other speech")
    options = parser.parse_args(argv)
    if which("flite") is None:
        print("not measured: the Debian package flite is not installed")
        return 0
    names, minutes = (NAMES[:_GROUP], 1.0) if options.short else (NAMES, options.minutes)
    rows = asyncio.run(_run(options.engine, names, minutes))
    if options.json:
        record.write(options.json, [asdict(row) for row in rows])
    without, *_, many = [row.found for row in rows if row.names]
    return 0 if many > without and not any(row.invented for row in rows) else 1


async def _run(name: str, names: Sequence[str], minutes: float) -> list[Row]:
    engine = engines.build(name, EngineSettings(concurrency=1))
    await engine.start()
    with_names, others = list(_sentences(names)), list(_others(minutes))
    groups = [names[at : at + _GROUP] for at in range(0, len(names), _GROUP)]
    few = [next(each for each in groups if said.name in each) for said in with_names]
    ways: list[tuple[str, Sequence[Said], Sequence[Sequence[str]]]] = [
        ("names", with_names, [()] * len(with_names)),
        ("names", with_names, few),
        ("names", with_names, [names] * len(with_names)),
        ("other", others, [()] * len(others)),
        ("other", others, [names] * len(others)),
    ]
    rows = []
    for kind, said, keywords in ways:
        rows.append(await _heard(engine, kind, said, keywords, names))
        print(json.dumps(asdict(rows[-1])), flush=True)
    await engine.close()
    return rows


async def _heard(
    engine: Engine,
    kind: str,
    said: Sequence[Said],
    keywords: Sequence[Sequence[str]],
    names: Sequence[str],
) -> Row:
    """Decode each utterance with its keywords, and count."""
    began, texts = time.process_time(), []
    for each, expected in zip(said, keywords, strict=True):
        heard = [await _text(engine, part, expected) for part in each.utterances]
        texts.append(" ".join(heard))
    cpu = time.process_time() - began
    seconds = sum(map(_seconds, said))
    named = [_names_in(text, names) for text in texts]
    right = [each.name in found for each, found in zip(said, named, strict=True)]
    spoken = [_names_in(each.text, names) for each in said]
    invented = [set(heard) - set(known) for heard, known in zip(named, spoken, strict=True)]
    wrong, words = word_errors(
        [speech.one_notation(each.text) for each in said], list(map(speech.one_notation, texts))
    )
    return Row(
        speech=kind,
        keywords=max(map(len, keywords)),
        minutes=round(seconds / 60, 1),
        names=sum(each.name is not None for each in said),
        found=sum(right),
        invented=sum(map(len, invented)),
        words=words,
        wrong=wrong,
        cpu_s_per_s=round(cpu / seconds, 3),
    )


async def _text(engine: Engine, audio: FloatArray, keywords: Sequence[str]) -> str:
    request = speech.request(audio, language="English", keywords=tuple(keywords))
    return (await engine.decode(request)).text


def _names_in(text: str, names: Sequence[str]) -> list[str]:
    heard = normalise(text).split()
    return [name for name in names for word in heard if word == name.lower()]


def _sentences(names: Sequence[str]) -> Iterator[Said]:
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            text = _SENTENCES[number % len(_SENTENCES)].format(name)
            path = Path(folder) / f"{number}.wav"
            voice = _VOICES[number % len(_VOICES)]
            subprocess.run(("flite", "-voice", voice, "-t", text, "-o", str(path)), check=True)
            yield Said([_apart(speech.trimmed(channels(path)[0]))], text, name)


def _others(minutes: float) -> Iterator[Said]:
    """Yield speech without these names, `minutes` of it if there is as much."""
    left = minutes * 60
    for snr in (None, _NOISE_BELOW):
        for audio, text in _recorded():
            if left > 0:
                line = noisy.SpokenLine("other", audio, (text,))
                heard = noisy.mixed(line, "pink", snr)
                yield (other := Said(speech.utterances(heard), text))
                left -= _seconds(other)


def _recorded() -> Iterator[tuple[FloatArray, str]]:
    read = speech.found(speech.CORPUS) if speech.CORPUS.is_dir() else iter(())
    for _, audio, text in (*read, *speech.call()):
        if text:
            yield audio, text
    for prompt in prompts("English", 10_000):
        yield _apart(prompt.audio), prompt.text


def _seconds(said: Said) -> float:
    return sum(map(len, said.utterances)) / SAMPLE_RATE


def _apart(audio: FloatArray) -> FloatArray:
    padded: FloatArray = np.pad(audio, (_BEFORE, _BEHIND))
    return padded
