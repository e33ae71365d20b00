"""Qwen3-ASR for vLLM with log-mel clips instead of sound as input.

vLLM's own processor computes log-mel for each clip alone. The floor and the edges then differ from
those of the whole utterance, and so do the probabilities (by up to 0.03 in the logarithm). Here a
clip is an array from the worker, and a clip that vLLM already has may be left out: identities are
sent as `multi_modal_uuids`, data only once.
"""

from collections.abc import Mapping
from typing import Any

import torch
from transformers.feature_extraction_utils import BatchFeature
from vllm.model_executor.models.qwen3_asr import (
    Qwen3ASRDummyInputsBuilder,
    Qwen3ASRForConditionalGeneration,
    Qwen3ASRMultiModalDataParser,
    Qwen3ASRMultiModalProcessor,
    Qwen3ASRProcessingInfo,
)
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.multimodal.parse import AudioProcessorItems, ModalityDataItems

_CLIPS = "clips"


class _ClipItems(AudioProcessorItems):
    """float32 [128, frames] per clip, or None for one that vLLM has under its identity."""

    def get_processor_data(self) -> Mapping[str, object]:
        return {_CLIPS: self.get_all()}


class _Parser(Qwen3ASRMultiModalDataParser):
    def _parse_audio_data(self, data: Any) -> ModalityDataItems[Any, Any] | None:
        if isinstance(data, list) and all(clip is None or clip.ndim == 2 for clip in data):
            return _ClipItems(data)
        # Sound: vLLM uses it to measure its memory at the start.
        return super()._parse_audio_data(data)


class _Info(Qwen3ASRProcessingInfo):
    def get_data_parser(self) -> Qwen3ASRMultiModalDataParser:
        extractor = self.get_feature_extractor()
        return _Parser(
            target_sr=extractor.sampling_rate,
            expected_hidden_size=self._get_expected_hidden_size(),
        )


class _Processor(Qwen3ASRMultiModalProcessor):
    def _call_hf_processor(
        self, hf_data: Mapping[str, object], hf_kwargs: Mapping[str, object]
    ) -> BatchFeature:
        clips: Any = hf_data.get(_CLIPS)
        if clips is None:
            return super()._call_hf_processor(hf_data, hf_kwargs)
        features = [torch.from_numpy(clip) for clip in clips]
        masks = [torch.ones(clip.shape[1], dtype=torch.long) for clip in features]
        return BatchFeature({"input_features": features, "input_features_mask": masks})


@MULTIMODAL_REGISTRY.register_processor(
    _Processor, info=_Info, dummy_inputs=Qwen3ASRDummyInputsBuilder
)
class ClipsModel(Qwen3ASRForConditionalGeneration):
    """Qwen3-ASR, reading clips."""
