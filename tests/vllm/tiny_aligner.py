"""A forced aligner of random weights, small enough for a test, in the official form."""

import json
from pathlib import Path
from typing import Any

BINS = 500

_AUDIO = {
    "num_mel_bins": 128,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 128,
    "d_model": 64,
    "n_window": 50,
    "n_window_infer": 800,
    "output_dim": 64,
    "downsample_hidden_size": 16,
}
_TEXT = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 65536,
    "tie_word_embeddings": True,
}
_ROPE = {"rope_type": "default", "rope_theta": 1000000.0}
_SPECIAL = ("<|endoftext|>", "<|im_end|>", "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>")
_OFFICIAL_NAMES = {
    "model.audio_tower.": "thinker.audio_tower.",
    "model.language_model.": "thinker.model.",
    "model.multi_modal_projector.linear_1.": "thinker.audio_tower.proj1.",
    "model.multi_modal_projector.linear_2.": "thinker.audio_tower.proj2.",
    "score.": "thinker.lm_head.",
}


def write(folder: Path) -> Any:
    """Write the checkpoint and return the same model as transformers builds it, in eval mode."""
    ids = _write_tokenizer(folder)
    model = _reference(ids)
    _write_weights(folder, model)
    _dump(folder / "preprocessor_config.json", _PREPROCESSOR)
    _dump(folder / "config.json", _config(ids))
    return model


def _write_tokenizer(folder: Path) -> dict[str, int]:
    """Write a byte-level BPE without merges; return the ids of the tokens that mean something."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={each: i for i, each in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.add_tokens([AddedToken("<timestamp>", special=False, normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    _dump(folder / "tokenizer_config.json", _TOKENIZER)
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return vocabulary


def _reference(ids: dict[str, int]) -> Any:
    import torch
    from transformers import Qwen3ASRConfig, Qwen3ASRForTokenClassification

    config = Qwen3ASRConfig(
        audio_config=dict(_AUDIO),
        text_config={"model_type": "qwen3", "rope_parameters": _ROPE, **_TEXT},
        audio_token_id=ids["<|audio_pad|>"],
        timestamp_token_id=ids["<timestamp>"],
        num_labels=BINS,
    )
    torch.manual_seed(0)
    model = Qwen3ASRForTokenClassification(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                # What a mark hears has to outweigh that it is a mark, or all marks say the same.
                weight.normal_(0, 0.02 if "embed_tokens" in name else 0.3)
    return model


def _write_weights(folder: Path, model: Any) -> None:
    from safetensors.torch import save_file

    weights = {}
    for name, weight in model.state_dict().items():
        (prefix,) = (each for each in _OFFICIAL_NAMES if name.startswith(each))
        weights[_OFFICIAL_NAMES[prefix] + name.removeprefix(prefix)] = weight.contiguous()
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


def _config(ids: dict[str, int]) -> dict[str, Any]:
    mrope = {"mrope_interleaved": True, "interleaved": True, "mrope_section": [6, 5, 5]}
    return {
        "architectures": ["Qwen3ASRForConditionalGeneration"],
        "model_type": "qwen3_asr",
        "timestamp_token_id": ids["<timestamp>"],
        "timestamp_segment_time": 80,
        "thinker_config": {
            "model_type": "qwen3_forced_aligner",
            "classify_num": BINS,
            "dtype": "float32",
            "audio_token_id": ids["<|audio_pad|>"],
            "audio_start_token_id": ids["<|audio_start|>"],
            "audio_end_token_id": ids["<|audio_end|>"],
            "audio_config": {"model_type": "qwen3_asr_audio_encoder", **_AUDIO},
            "text_config": {
                "model_type": "qwen3",
                "rms_norm_eps": 1e-6,
                "rope_theta": 1000000,
                "rope_scaling": {"type": "default", "rope_type": "default", **mrope},
                **_TEXT,
            },
        },
    }


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


_PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "Qwen3ASRProcessor",
    "feature_size": 128,
    "sampling_rate": 16000,
    "hop_length": 160,
    "chunk_length": 30,
    "n_fft": 400,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
    "dither": 0.0,
}
_TOKENIZER = {
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
