"""The parts of the vLLM benchmark that need no vLLM."""

import asyncio
from itertools import islice

import numpy as np
import pytest

from asr_worker.api import DecodeRequest, EngineSettings, Hypothesis, Usage
from asr_worker.dispatch import Dispatcher
from asr_worker.scheduler import UtteranceScheduler
from bench.dummies import FixedTextEngine
from bench.gpu import checkpoint, script, speech
from bench.gpu.lines import Blocking, Clock, Line, Scheduled, hold
from bench.gpu.tally import Tally, figures
from common.audio import SAMPLE_RATE

SOUND = np.zeros(20 * SAMPLE_RATE, np.float32)


@pytest.mark.parametrize(
    ("shape", "encoder", "text"),
    # The sums of what transformers builds from the same sizes; the language models are Qwen3's.
    [("0.6B", 186_376_192, 596_049_920), ("1.7B", 317_477_504, 1_720_574_976)],
)
def test_the_shapes_have_as_many_parameters_as_the_models(shape, encoder, text):
    sizes = checkpoint.SHAPES[shape]
    assert (sizes.encoder_parameters, sizes.text_parameters) == (encoder, text)
    assert sizes.kv_bytes_per_token == 112 * 1024


def test_every_piece_of_the_script_is_one_token(tmp_path):
    from tokenizers import Tokenizer

    checkpoint.write(tmp_path, checkpoint.SHAPES["0.6B"])
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert len(tokenizer.encode(script.text(0, 100)).ids) == 100
    assert tokenizer.get_vocab_size() == 151_936
    ids = [tokenizer.token_to_id(each) for each in ("<|im_end|>", "<|audio_pad|>", "<asr_text>")]
    assert ids == [151_645, 151_676, 151_704]


def test_what_lines_say_is_legal_and_the_same_each_time():
    first, again = (
        list(islice(speech.line(SOUND, np.random.default_rng(5)), 50)) for _ in range(2)
    )
    assert [each.events for each in first] == [each.events for each in again]
    for spoken in first:
        scheduler = UtteranceScheduler(spoken.start)
        for event in spoken.events:
            match event.kind:
                case "paused":
                    scheduler.paused(event.end)
                case "resumed":
                    scheduler.resumed()
                case "ended":
                    scheduler.ended(event.end, "silence")
        length = (spoken.end - spoken.start) / SAMPLE_RATE
        assert speech.SHORTEST <= length <= speech.LONGEST
        assert len(spoken.audio) > spoken.end - spoken.start


class Echo(FixedTextEngine):
    """Says at once as much as there is audio."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        text = script.text(0, script.pieces(len(request.audio) / SAMPLE_RATE))
        return Hypothesis(text, usage=Usage(10, 5, 1))


@pytest.mark.parametrize("way", [Scheduled, Blocking])
async def test_a_line_gets_its_partials_and_its_final(way):
    tally, clock, engine = Tally(), Clock(), Echo(EngineSettings())
    dispatcher = Dispatcher(engine, bound=1, patience=0.5, clock=asyncio.get_running_loop().time)
    lock = asyncio.Lock()
    spoken = speech.spoken(0, 1.2, SOUND, np.random.default_rng(0))
    later = speech.spoken(10**9, 2.0, SOUND, np.random.default_rng(0))

    def opened(spoken):
        rest = (dispatcher,) if way is Scheduled else (engine, lock)
        return way(spoken, tally, clock, *rest)

    line = Line(iter([spoken, later]), opened)
    while not tally.finals:
        await hold([line], clock, clock() / SAMPLE_RATE + 0.1)
    await line.hang_up()
    await dispatcher.close()
    got = figures(tally, "ours", 1, 2.0, cpu=(1.0, 2.0), unfinished=0, late=0.0)
    assert got.utterances == 1
    assert (len(tally.first), len(tally.final)) == (1, 1)
    assert len(tally.decodes) == len(tally.waits[True]) + len(tally.waits[False]) >= 2
    assert (got.cached_percent, got.failed, got.worker_cpu) == (50.0, 0, 500.0)


async def test_what_never_came_counts_as_late():
    tally = Tally()
    line = Line(
        speech.line(SOUND, np.random.default_rng(1)),
        lambda spoken: Scheduled(spoken, tally, lambda: 60 * SAMPLE_RATE, _nobody()),
    )
    line.advance(30 * SAMPLE_RATE)
    await line.hang_up()
    assert max(tally.behind) > 30
    assert not figures(tally, "ours", 1, 30.0, cpu=(0, 0), unfinished=0, late=0.0).held


def _nobody():
    """Return a queue in front of an engine that never answers."""

    class Mute(Echo):
        async def decode(self, request: DecodeRequest) -> Hypothesis:
            await asyncio.Event().wait()
            raise AssertionError

    return Dispatcher(Mute(EngineSettings()), bound=1, patience=0.5, clock=lambda: 0.0)
