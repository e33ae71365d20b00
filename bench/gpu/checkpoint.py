"""Folders that vLLM takes for Qwen3-ASR checkpoints of a given size: everything but the weights.

The configuration is in the form of the official release. The tokenizer has the real number of
tokens with the special ones where Qwen has them; its ordinary tokens are those of the script, the
rest are there to be counted.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu import script

_MEL_BANDS = 128
_CONVOLVED_BANDS = _MEL_BANDS // 8
_SPECIAL = {
    0: "<|endoftext|>",
    1: "<|im_start|>",
    2: "<|im_end|>",
    26: "<|audio_start|>",
    27: "<|audio_end|>",
    33: "<|audio_pad|>",
}
_PLAIN = {61: "<asr_text>", 62: "<timestamp>"}
"""Both by their distance from the end of the ordinary tokens; these are part of the text."""
_ADDED = 293


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the audio encoder (first line) and of the language model."""

    width: int
    encoder_layers: int
    encoder_heads: int
    encoder_feed: int
    channels: int
    """Of the convolutions in front of the encoder."""
    hidden: int
    feed: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    ordinary: int
    """Tokens of the vocabulary before the special ones."""

    @property
    def vocabulary(self) -> int:
        """Tokens, special ones included."""
        return self.ordinary + _ADDED

    @property
    def kv_bytes_per_token(self) -> int:
        """KV cache that a token takes in 16-bit numbers."""
        return self.layers * 2 * self.kv_heads * self.head * 2

    @property
    def encoder_parameters(self) -> int:
        """Weights of the audio encoder and its projection into the language model."""
        square, channels = self.width**2, self.channels
        front = 9 * channels + channels + 2 * (9 * channels**2 + channels)
        front += channels * _CONVOLVED_BANDS * self.width
        attention = 4 * square + 4 * self.width
        feed = 2 * self.width * self.encoder_feed + self.encoder_feed + self.width
        norms = 4 * self.width
        ends = 2 * self.width + square + self.width + self.width * self.hidden + self.hidden
        return front + self.encoder_layers * (attention + feed + norms) + ends

    @property
    def text_parameters(self) -> int:
        """Weights of the language model; it writes with the table it reads with."""
        attention = self.hidden * self.head * 2 * (self.heads + self.kv_heads) + 2 * self.head
        layer = attention + 3 * self.hidden * self.feed + 2 * self.hidden
        return self.vocabulary * self.hidden + self.layers * layer + self.hidden


_LANGUAGE_MODEL = {"layers": 28, "heads": 16, "kv_heads": 8, "head": 128, "ordinary": 151_643}
SHAPES = {
    "tiny": Shape(
        width=64,
        encoder_layers=2,
        encoder_heads=2,
        encoder_feed=128,
        channels=16,
        hidden=64,
        feed=128,
        layers=2,
        heads=4,
        kv_heads=2,
        head=32,
        ordinary=731,
    ),
    "0.6B": Shape(
        width=896,
        encoder_layers=18,
        encoder_heads=14,
        encoder_feed=3584,
        channels=480,
        hidden=1024,
        feed=3072,
        **_LANGUAGE_MODEL,
    ),
    "1.7B": Shape(
        width=1024,
        encoder_layers=24,
        encoder_heads=16,
        encoder_feed=4096,
        channels=480,
        hidden=2048,
        feed=6144,
        **_LANGUAGE_MODEL,
    ),
}


def write(folder: Path, shape: Shape) -> Path:
    """Write the checkpoint; needs the package `tokenizers`, which vLLM brings."""
    _tokenizer(shape).save(str(folder / "tokenizer.json"))
    ends = [shape.ordinary + 2, shape.ordinary]
    for name, content in (
        ("config.json", config(shape)),
        ("tokenizer_config.json", TOKENIZER),
        ("preprocessor_config.json", PREPROCESSOR),
        ("generation_config.json", {"eos_token_id": ends, "do_sample": False}),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def config(shape: Shape) -> dict[str, Any]:
    """Return config.json."""
    ids = {name: shape.ordinary + offset for offset, name in (_SPECIAL | _PLAIN).items()}
    # Time, height and width share the half of a head that turns; for audio all three are the time.
    side = shape.head * 5 // 32
    sections = [shape.head // 2 - 2 * side, side, side]
    return {
        "architectures": ["Qwen3ASRForConditionalGeneration"],
        "model_type": "qwen3_asr",
        "transformers_version": "4.57.6",
        "support_languages": ["English"],
        "timestamp_token_id": ids["<timestamp>"],
        "timestamp_segment_time": 80,
        "thinker_config": {
            "model_type": "qwen3_asr",
            "dtype": "bfloat16",
            "audio_token_id": ids["<|audio_pad|>"],
            "audio_start_token_id": ids["<|audio_start|>"],
            "audio_end_token_id": ids["<|audio_end|>"],
            "audio_config": {
                "model_type": "qwen3_asr_audio_encoder",
                "num_mel_bins": _MEL_BANDS,
                "d_model": shape.width,
                "encoder_layers": shape.encoder_layers,
                "encoder_attention_heads": shape.encoder_heads,
                "encoder_ffn_dim": shape.encoder_feed,
                "downsample_hidden_size": shape.channels,
                "output_dim": shape.hidden,
                "n_window": 50,
                "n_window_infer": 800,
            },
            "text_config": {
                "model_type": "qwen3",
                "vocab_size": shape.vocabulary,
                "hidden_size": shape.hidden,
                "intermediate_size": shape.feed,
                "num_hidden_layers": shape.layers,
                "num_attention_heads": shape.heads,
                "num_key_value_heads": shape.kv_heads,
                "head_dim": shape.head,
                "max_position_embeddings": 65536,
                "rms_norm_eps": 1e-6,
                "rope_theta": 1_000_000.0,
                "rope_scaling": {
                    "type": "default",
                    "rope_type": "default",
                    "interleaved": True,
                    "mrope_interleaved": True,
                    "mrope_section": sections,
                },
                "tie_word_embeddings": True,
            },
        },
    }


def _tokenizer(shape: Shape) -> Any:
    """Return a byte-level BPE with the script's pieces as single tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.ordinary, initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(["system user assistant", script.text(0, 200)] * 2, trainer)
    learned = json.loads(learner.to_str())["model"]
    known: dict[str, int] = learned["vocab"]
    filling = {f"\u0120w{index}": index for index in range(len(known), shape.ordinary)}
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=known | filling, merges=merges))
    tokenizer.pre_tokenizer = learner.pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    for offset in range(_ADDED):
        name = _SPECIAL.get(offset) or _PLAIN.get(offset, f"<|reserved_{offset}|>")
        special = offset not in _PLAIN
        tokenizer.add_tokens([AddedToken(name, special=special, normalized=False)])
    return tokenizer


PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "Qwen3ASRProcessor",
    "feature_size": _MEL_BANDS,
    "sampling_rate": 16000,
    "hop_length": 160,
    "chunk_length": 30,
    "n_fft": 400,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
    "dither": 0.0,
}
TOKENIZER = {
    "tokenizer_class": "Qwen2TokenizerFast",
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "bos_token": None,
    "unk_token": None,
    "clean_up_tokenization_spaces": False,
    "add_prefix_space": False,
    "extra_special_tokens": {
        "audio_token": "<|audio_pad|>",
        "audio_bos_token": "<|audio_start|>",
        "audio_eos_token": "<|audio_end|>",
    },
}
