"""A Qwen3-ASR and an aligner of random weights, small enough for a test.

``python -m tests.vllm.tiny FOLDER`` writes a recogniser. One seed gives one model. What it says is
nonsense, but all the code of vLLM and transformers for the real model runs.
"""

import json
import sys
from pathlib import Path
from typing import Any

from bench.gpu.checkpoint import PREPROCESSOR, TOKENIZER

# What vLLM needs to run it on two cores, and to be quick about it.
OPTIONS = {
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": 32,
    "max_model_len": 4096,
    "max_num_batched_tokens": 4096,
    "max_num_seqs": 16,
    "mm_processor_cache_gb": 0.25,
}
ALIGNER_OPTIONS = {
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": 32,
    "max_model_len": 2048,
    "max_num_batched_tokens": 2048,
}
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|audio_start|>",
    "<|audio_end|>",
    "<|audio_pad|>",
)
PLAIN = ("<asr_text>", "<timestamp>")
"""Tokens of their own that are part of the text all the same."""

AUDIO = {
    "num_mel_bins": 128,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 128,
    "d_model": 64,
    "n_window": 50,
    "n_window_infer": 800,
    "output_dim": 64,
    "downsample_hidden_size": 16,
}
TEXT = {
    "vocab_size": 399,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 65536,
    "tie_word_embeddings": True,
}
BINS = 500
"""Time bins of the aligner, 80 ms each."""
ROPE = {"rope_type": "default", "rope_theta": 1000000.0}

_CORPUS = (
    "language English<asr_text>hello world, this is a test of streaming speech recognition",
    "language Chinese<asr_text>你好 世界",
    "system user assistant None the quick brown fox jumps over the lazy dog 0123456789.,?!",
)
_OFFICIAL_NAMES = {
    "model.audio_tower.": "thinker.audio_tower.",
    "model.language_model.": "thinker.model.",
    "model.multi_modal_projector.linear_1.": "thinker.audio_tower.proj1.",
    "model.multi_modal_projector.linear_2.": "thinker.audio_tower.proj2.",
    "score.": "thinker.lm_head.",
    "lm_head.": "thinker.lm_head.",
}


def write_recogniser(folder: Path, *, official: bool = False) -> Path:
    """Write the checkpoint as transformers does, or in the form of the `official` release."""
    from transformers import Qwen3ASRForConditionalGeneration

    ids = write_tokenizer(folder)
    ends = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    model = randomised(Qwen3ASRForConditionalGeneration, ids, eos_token_id=ends)
    if official:
        write_official_weights(folder, model)
        dump(folder / "config.json", official_config(ids))
    else:
        model.save_pretrained(folder)
    dump(folder / "generation_config.json", {"eos_token_id": ends, "do_sample": False})
    return folder


def write_aligner(folder: Path) -> Any:
    """Write a forced aligner in the release's form; return it as transformers builds it."""
    from transformers import Qwen3ASRForTokenClassification

    ids = write_tokenizer(folder)
    model = randomised(Qwen3ASRForTokenClassification, ids, num_labels=BINS)
    write_official_weights(folder, model)
    kind = {"model_type": "qwen3_forced_aligner", "classify_num": BINS}
    dump(folder / "config.json", official_config(ids, **kind))
    return model


def write_tokenizer(folder: Path) -> dict[str, int]:
    """Write a small byte-level BPE and the extractor's settings; return the ids of its tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_CORPUS * 4, trainer)
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.add_tokens([AddedToken(each, special=False, normalized=False) for each in PLAIN])
    tokenizer.save(str(folder / "tokenizer.json"))
    dump(folder / "tokenizer_config.json", TOKENIZER)
    dump(folder / "preprocessor_config.json", PREPROCESSOR)
    assert tokenizer.get_vocab_size() == TEXT["vocab_size"]
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return {each: vocabulary[each] for each in (*SPECIAL, *PLAIN)}


def randomised(kind: Any, ids: dict[str, int], **more: Any) -> Any:
    """Return a model of transformers' class `kind`, its weights drawn from one seed."""
    import torch
    from transformers import Qwen3ASRConfig

    config = Qwen3ASRConfig(
        audio_config=dict(AUDIO),
        text_config={"model_type": "qwen3", "rope_parameters": ROPE, **TEXT},
        audio_token_id=ids["<|audio_pad|>"],
        timestamp_token_id=ids["<timestamp>"],
        pad_token_id=ids["<|endoftext|>"],
        **more,
    )
    torch.manual_seed(1)
    model = kind(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                # Large enough that what it writes depends on what it hears.
                weight.normal_(0, 0.05 if "embed_tokens" in name else 0.3)
    return model


def write_official_weights(folder: Path, model: Any) -> None:
    """Write the weights under the names that the official release gives them."""
    from safetensors.torch import save_file

    weights = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and TEXT["tie_word_embeddings"]:
            continue
        (prefix,) = (each for each in _OFFICIAL_NAMES if name.startswith(each))
        weights[_OFFICIAL_NAMES[prefix] + name.removeprefix(prefix)] = weight.contiguous()
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


def official_config(ids: dict[str, int], **thinker: Any) -> dict[str, Any]:
    """Return config.json in the form of the official release; `thinker` is put in its middle."""
    mrope = {"mrope_interleaved": True, "interleaved": True, "mrope_section": [6, 5, 5]}
    return {
        "architectures": ["Qwen3ASRForConditionalGeneration"],
        "model_type": "qwen3_asr",
        "support_languages": ["Chinese", "English"],
        "timestamp_token_id": ids["<timestamp>"],
        "timestamp_segment_time": 80,
        "thinker_config": {
            "model_type": "qwen3_asr",
            "dtype": "float32",
            "audio_token_id": ids["<|audio_pad|>"],
            "audio_start_token_id": ids["<|audio_start|>"],
            "audio_end_token_id": ids["<|audio_end|>"],
            "audio_config": {"model_type": "qwen3_asr_audio_encoder", **AUDIO},
            "text_config": {
                "model_type": "qwen3",
                "rms_norm_eps": 1e-6,
                "rope_theta": ROPE["rope_theta"],
                "rope_scaling": {"type": "default", "rope_type": "default", **mrope},
                **TEXT,
            },
            **thinker,
        },
    }


def dump(path: Path, content: dict[str, Any]) -> None:
    """Write JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    write_recogniser(Path(sys.argv[1]))
