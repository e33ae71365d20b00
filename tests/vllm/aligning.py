"""Aligns with a tiny model of random weights, on vLLM and by transformers; prints what came out.

A process of its own: vLLM's processes and its settings of the interpreter end with it.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker.align.model import QwenAligner
from asr_worker.align.placing import placed, prompt
from asr_worker.align.units import units
from asr_worker.api import DecodeFailed
from common.audio import SAMPLE_RATE
from tests.vllm import tiny

CASES = (
    (48_000, "Hello, world! This is it.", "English"),
    (20 * SAMPLE_RATE + 77, "the quick brown fox " * 20, "English"),
    (9 * SAMPLE_RATE, "你好，world 世界。", "Chinese"),
    (3_000, "a", "English"),
)


def sound(samples: int) -> Any:
    dice = np.random.default_rng(samples)
    return (dice.standard_normal(samples) * 0.1).astype(np.float32)


def expected(model: Any, folder: Path, case: tuple[int, str, str]) -> Any:
    """Return the words by transformers' own model, from the same prompt and sound."""
    import torch
    from transformers import AutoTokenizer, WhisperFeatureExtractor

    samples, text, language = case
    asked = units(text, language)
    audio = np.pad(sound(samples), (0, max(0, SAMPLE_RATE - samples)))
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    features = extractor(
        audio, sampling_rate=SAMPLE_RATE, return_tensors="pt", padding=True, truncation=False
    )["input_features"]
    frames = features.shape[-1]
    whole = -(-frames // 100) * 100
    mask = (torch.arange(whole) < frames).long()[None]
    features = torch.nn.functional.pad(features, (0, whole - frames))
    rest = frames % 100
    pads = frames // 100 * 13 + ((rest - 1) // 8 + 1 if rest else 0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = prompt(asked).replace("<|audio_pad|>", "<|audio_pad|>" * pads)
    ids = tokenizer(said, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        answer = model(input_ids=ids, input_features=features, input_features_mask=mask)
    marks = ids[0] == tokenizer.convert_tokens_to_ids("<timestamp>")
    return placed(asked, answer.logits[0][marks].numpy(), samples)


def plain(words: Any) -> list[Any]:
    return [[each.text, each.start, each.end, each.probability] for each in words]


async def run(folder: Path) -> dict[str, Any]:
    model = tiny.write_aligner(folder)
    aligner = QwenAligner(str(folder), device="cpu", batch=8, options=tiny.ALIGNER_OPTIONS)
    await aligner.start()

    async def align(name: str, case: tuple[int, str, str]) -> list[Any]:
        samples, text, language = case
        return plain(await aligner.align(name, sound(samples), units(text, language)))

    result: dict[str, Any] = {"expected": [plain(expected(model, folder, c)) for c in CASES]}
    result["alone"] = [await align(f"alone {i}", case) for i, case in enumerate(CASES)]
    result["together"] = await asyncio.gather(
        *(align(f"together {i}", case) for i, case in enumerate(CASES))
    )
    try:
        await align("too long", (SAMPLE_RATE, "word " * 2000, "English"))
    except DecodeFailed as error:
        result["too long"] = str(error)
    abandoned = asyncio.create_task(align("abandoned", CASES[1]))
    while aligner.unfinished == 0:
        await asyncio.sleep(0)
    abandoned.cancel()
    await asyncio.wait([abandoned])
    result["left"] = aligner.unfinished
    result["after"] = await align("after", CASES[0])
    await aligner.close()
    return result


if __name__ == "__main__":
    os.environ |= {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with tempfile.TemporaryDirectory() as name:
        outcome = asyncio.run(run(Path(name)))
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")
