"""Speakers told apart on one channel: speech time with a wrong speaker, and wrong numbers of them.

    python -m bench speakers [--turns N] [--short] [--json FILE]
    python -m bench speakers --centre

Calls are made of the voices that are installed, all at 8 kHz: alone, in pairs and by threes, who
take turns with pauses of 0.2 to 1.2 s. Besides, there is the sample call on one channel, and the
conversation in the wheel of pyannote-audio, where that is installed. `--centre` writes the mean
voice (`asr_worker/voices/centre.json`), of people who are in no call here.
"""

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from itertools import combinations, permutations
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import soxr

from asr_worker.voices import weights
from asr_worker.voices.encoder import VoiceEncoder, spectra_of
from asr_worker.voices.network import embeddings
from asr_worker.voices.stretches import windows
from bench import record, speech
from bench.options import parser_of
from bench.prompts import SOUNDS, VOICES
from bench.recordings import channels
from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray, samples
from common.installed import data_file
from gateway.feed.speakers import LegSpeakers
from gateway.protocols.stretches import Stretch

_FRAME = samples(0.01)
_SIZES, _MOST = range(16_000, 128_000), 60
"""Bytes of a prompt, which is 1 to 8 s long, and prompts of one speaker."""
_PAUSES, _BETWEEN = (0.2, 1.2), (0.1, 0.6)
"""Seconds between two speakers, and between two sentences of one."""
_READ = ("osr_8k", "jfk")
"""Recordings of one speaker each, which are cut into pieces."""
_CENTRE = ("harvard_16k", "librivox_0870", "librivox_0880", "librivox_0890")


class Said(NamedTuple):
    """The samples [start, end) of a call, and who speaks there."""

    start: int
    end: int
    who: str


class Call(NamedTuple):
    """A call on one channel, at 16 kHz."""

    kind: str
    audio: FloatArray
    said: Sequence[Said]


class Score(NamedTuple):
    """Parts of the speech with a wrong speaker, at last and as first told, and with none.

    `more`: how many speakers too many were told, fewer where negative.
    """

    wrong: float
    first: float
    unknown: float
    more: int


def main(argv: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = parser_of("speakers", __doc__, short="a few calls of each kind")
    parser.add_argument("--turns", type=int, default=16)
    parser.add_argument("--centre", action="store_true", help="write the mean voice")
    options = parser.parse_args(argv)
    if options.centre:
        weights.CENTRE.write_text(json.dumps(_centre()) + "\n")
        return 0
    encoder = VoiceEncoder.installed()
    if encoder is None:
        print(f"the voice encoder is not installed: {weights.CURE}")
        return 1
    scores: defaultdict[str, list[Score]] = defaultdict(list)
    heard = took = 0.0
    for call in calls(options.turns, short=options.short):
        utterances = [(at, audio) for at, audio in speech.placed_utterances(call.audio)]
        began = time.process_time()
        voices = [encoder.voices(audio, at) for at, audio in utterances]
        took += time.process_time() - began
        heard += sum(len(audio) for _, audio in utterances) / SAMPLE_RATE
        scores[call.kind].append(scored(call, *_labels(voices)))
    rows = {kind: _figures(each) for kind, each in scores.items()}
    print("| calls | | wrong | most | as first told | unknown | wrong number of speakers |")
    print("|---|---|---|---|---|---|---|")
    for kind, row in rows.items():
        print(f"| {kind} | {' | '.join(str(value) for value in row.values())} |")
    print(f"CPU per second of speech: {took / heard:.3f} s")
    figures = {"calls": rows, "cpu_s_per_s": round(took / heard, 4)}
    if options.json:
        record.write(options.json, figures)
    return 0


def calls(turns: int, *, short: bool) -> Iterator[Call]:
    """Yield all calls; of the made ones a few of each kind if `short`."""
    voices = people()
    few = 2 if short else None
    yield Call("sample call", *_mixed())
    for name in voices:
        yield Call("one", *made({name: voices[name]}, turns // 2, seed=3))
        if short:
            break
    for kind, count in (("two", 2), ("three", 3)):
        for names in list(combinations(voices, count))[:few]:
            yield Call(kind, *made({name: voices[name] for name in names}, turns, seed=count))
    yield from _conversation()


def people() -> Mapping[str, Sequence[FloatArray]]:
    """Return pieces of each speaker's, by name; nobody who is not installed."""
    found: dict[str, Sequence[FloatArray]] = {}
    for name in VOICES.values():
        # The Spanish prompts seem to be said by the speaker of the English ones.
        if name != VOICES["Spanish"]:
            prompts = sorted((SOUNDS / name).glob("*.wav"))
            sized = [each for each in prompts if each.stat().st_size in _SIZES]
            found[name] = [_telephone(each) for each in sized[:_MOST]]
    for name in _READ:
        for path in speech.CORPUS.glob(f"{name}.*"):
            found[name] = _cut(_telephone(path))
    return {name: pieces for name, pieces in found.items() if pieces}


def made(
    voices: Mapping[str, Sequence[FloatArray]], turns: int, seed: int
) -> tuple[FloatArray, Sequence[Said]]:
    """Return a call in which these take turns of one or two pieces, each at a level of its own."""
    choice = random.Random(seed)
    pieces = {name: choice.sample([*all_], len(all_)) for name, all_ in voices.items()}
    levels = {name: 0.1 * 10 ** (choice.uniform(-6, 0) / 20) for name in voices}
    names, before = list(voices), ""
    sound: list[FloatArray] = [np.zeros(SAMPLE_RATE // 2, np.float32)]
    said: list[Said] = []
    at = len(sound[0])
    for _ in range(turns):
        before = choice.choice([name for name in names if name != before] or names)
        for number in range(choice.choice((1, 1, 2))):
            piece = speech.trimmed(pieces[before][0])
            pieces[before] = [*pieces[before][1:], pieces[before][0]]
            piece = piece * np.float32(levels[before] / np.sqrt(np.mean(piece**2)))
            pause = samples(choice.uniform(*(_BETWEEN if number else _PAUSES)))
            sound += [piece, np.zeros(pause, np.float32)]
            said.append(Said(at, at + len(piece), before))
            at += len(piece) + pause
    audio = np.concatenate(sound)
    audio += np.random.default_rng(seed).normal(0, 3e-4, len(audio)).astype(np.float32)
    return np.clip(audio, -1, 1), said


def scored(call: Call, last: Sequence[Stretch], first: Sequence[Stretch]) -> Score:
    """Compare what was told with what was said."""
    wrong, unknown = _wrong(call, last)
    more = len({each.speaker for each in last}) - len({each.who for each in call.said})
    return Score(wrong, _wrong(call, first)[0], unknown, more)


def _labels(voices: Sequence[Sequence[Any]]) -> tuple[list[Stretch], list[Stretch]]:
    """Return the stretches as they are at last, and as they were told first."""
    leg, told = LegSpeakers(0), dict[int, Sequence[Stretch]]()
    first: list[Stretch] = []
    for number, each in enumerate(voices, 1):
        revision = leg.final(number, each)
        told |= revision.changed if revision is not None else {}
        told[number] = leg.of(number)
        first += told[number]
    return [stretch for all_ in told.values() for stretch in all_], first


def _wrong(call: Call, told: Sequence[Stretch]) -> tuple[float, float]:
    """Return the parts of the speech that have a wrong speaker, and none.

    Speakers are assigned to numbers so that the least is wrong. Where two speak, either is right.
    """
    names = sorted({each.who for each in call.said})
    truth = np.zeros((len(names), len(call.audio) // _FRAME + 1), bool)
    for start, end, who in call.said:
        truth[names.index(who), start // _FRAME : end // _FRAME] = True
    speaking = truth.any(0)
    numbers = sorted({each.speaker for each in told})
    labels = np.full(truth.shape[1], -1)
    for start, end, speaker in told:
        labels[start // _FRAME : end // _FRAME] = numbers.index(speaker)
    labelled = speaking & (labels >= 0)
    # Names beyond the people in the call belong to nobody.
    places = [*range(len(names)), *[-1] * max(0, len(numbers) - len(names))]
    ranked = sorted(range(len(numbers)), key=lambda each: -int((labels == each).sum()))
    right = max(
        (
            sum(
                int((truth[name] & (labels == number)).sum())
                for number, name in zip(ranked[:5], order, strict=False)
                if name >= 0
            )
            for order in set(permutations(places, min(5, len(numbers))))
        ),
        default=0,
    )
    count = max(1, int(labelled.sum()))
    return 1 - min(count, right) / count, 1 - int(labelled.sum()) / max(1, int(speaking.sum()))


def _figures(scores: Sequence[Score]) -> dict[str, Any]:
    return {
        "calls": len(scores),
        "wrong_percent": round(100 * fmean(each.wrong for each in scores), 1),
        "most_percent": round(100 * max(each.wrong for each in scores), 1),
        "first_percent": round(100 * fmean(each.first for each in scores), 1),
        "unknown_percent": round(100 * fmean(each.unknown for each in scores), 1),
        "wrong_number": sum(each.more != 0 for each in scores),
    }


def _mixed() -> tuple[FloatArray, Sequence[Said]]:
    """Return the sample call on one channel, each of whose speakers is where its own is heard."""
    legs = channels(sample.AUDIO)
    said = [
        Said(at, at + len(audio), str(channel))
        for channel, leg in enumerate(legs)
        for at, audio in speech.placed_utterances(leg)
    ]
    audio: FloatArray = np.sum(legs, axis=0, dtype=np.float32)
    return audio, sorted(said)


def _conversation() -> Iterator[Call]:
    path = data_file("pyannote", "audio/sample/sample.wav")
    if path is not None:
        rows = [line.split() for line in path.with_suffix(".rttm").read_text().splitlines()]
        said = [
            Said(samples(float(row[3])), samples(float(row[3]) + float(row[4])), row[7])
            for row in rows
        ]
        yield Call("conversation", channels(path)[0], said)


def _centre() -> list[float]:
    """Return the mean over people of the mean of their embeddings, [256]."""
    found = weights.installed()
    assert found is not None
    folder = files("pytest_audioeval") / "samples" / "audio"
    own: list[list[FloatArray]] = []
    for language in sorted(each.name for each in folder.iterdir()):
        clips = sorted(each.name for each in (folder / language).iterdir())
        with as_file(folder / language) as here:
            own.append([_telephone(here / name) for name in clips if name.endswith(".wav")])
    read = {name: _telephone(speech.CORPUS / f"{name}.wav") for name in _CENTRE}
    own += [[read.pop(_CENTRE[0])], [*read.values()]]
    means = []
    for clips_of_one in own:
        vectors = [
            embeddings(found, spectra_of(audio, window)[None])[0]
            for audio in clips_of_one
            for window in windows(audio)
            if window.tells
        ]
        means.append(np.mean(vectors, axis=0))
    return [round(float(each), 4) for each in np.mean(means, axis=0)]


def _telephone(path: Path) -> FloatArray:
    """Return a recording as it sounds at 8 kHz, at 16 kHz."""
    narrow = soxr.resample(channels(path)[0], SAMPLE_RATE, SAMPLE_RATE // 2)
    return np.ascontiguousarray(soxr.resample(narrow, SAMPLE_RATE // 2, SAMPLE_RATE), np.float32)


def _cut(audio: FloatArray) -> list[FloatArray]:
    length = 3 * SAMPLE_RATE
    return [audio[at : at + length] for at in range(0, len(audio) - length // 2, length)]
