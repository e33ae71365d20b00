"""What transformers' own Qwen3-ASR makes of a prompt: the reference for ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray

PAD = "<|audio_pad|>"


class Reference:
    """The same checkpoint, on transformers: no clips, no cache, no batches."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer, Qwen3ASRFeatureExtractor
        from transformers import Qwen3ASRForConditionalGeneration as Model

        self._model: Any = Model.from_pretrained(folder).eval()
        self._extractor: Any = Qwen3ASRFeatureExtractor()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def inputs(self, text: str, audio: FloatArray) -> dict[str, Any]:
        """Return the model's inputs for a prompt with any number of pads side by side."""
        features = self._extractor(
            [audio],
            sampling_rate=SAMPLE_RATE,
            padding=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        mask = features[next(name for name in features if name.endswith("mask"))]
        whole, rest = divmod(int(mask.sum()), 100)
        embeddings = 13 * whole + -(-rest // 8)
        before, _, after = text.partition(PAD)
        text = before + PAD * embeddings + after.replace(PAD, "")
        ids = self.tokenizer(text, return_tensors="pt")["input_ids"]
        return {
            "input_ids": ids,
            "input_features": features["input_features"],
            "input_features_mask": mask,
        }

    def continued(self, text: str, audio: FloatArray, tokens: int) -> tuple[int, ...]:
        """Return at most `tokens` greedily chosen token ids after the prompt."""
        import torch

        inputs = self.inputs(text, audio)
        with torch.no_grad():
            out = self._model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        return tuple(out[0, inputs["input_ids"].shape[1] :].tolist())

    def logprobs(self, text: str, audio: FloatArray, said: Sequence[int]) -> FloatArray:
        """Return the log-probability of every token at each step of `said`, float32 [n, vocab]."""
        import torch

        inputs = self.inputs(text, audio)
        start = inputs["input_ids"].shape[1]
        inputs["input_ids"] = torch.cat(
            [inputs["input_ids"], torch.tensor([list(said)], dtype=torch.long)], dim=1
        )
        with torch.no_grad():
            logits = self._model(**inputs).logits[0, start - 1 : -1]
        scores: FloatArray = torch.log_softmax(logits.float(), -1).numpy()
        return np.asarray(scores)
