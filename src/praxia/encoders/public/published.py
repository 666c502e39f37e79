"""The sizes of public models, so that they can be built without their files, and their numbers of parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from praxia.core.errors import UnknownName

__all__ = ["PUBLISHED", "Published", "find_published"]


@dataclass(frozen=True)
class Published:
    """A public model: its family, its name on the Hub, its parameters as stored there, and its `transformers` config.

    The configs name what differs from the family's defaults. Counts are those of the published safetensors. The first
    `num_text_tokens` tokens of the vocabulary are text; marks of the family and unused rows follow them.
    """

    family: str
    hub: str
    num_parameters: int
    num_text_tokens: int
    config: Mapping[str, Any]


_SIGLIP_SO400M = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}
_SIGLIP_BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}


def _smolvlm(text: Mapping[str, Any], vision: Mapping[str, Any], scale_factor: int, rope_theta: float):
    rope = {"rope_type": "default", "rope_theta": rope_theta}
    text = {"model_type": "llama", "vocab_size": 49280, "head_dim": 64, "rope_parameters": rope, **text}
    return {
        "text_config": text,
        "vision_config": vision,
        "scale_factor": scale_factor,
        "image_token_id": 49190,
        "tie_word_embeddings": False,
    }


PUBLISHED = {
    "paligemma-3b-224": Published(
        "paligemma",
        "google/paligemma-3b-pt-224",
        2_923_466_480,
        257_152,
        {
            "text_config": {
                "model_type": "gemma",
                "hidden_size": 2048,
                "intermediate_size": 16384,
                "num_hidden_layers": 18,
                "num_attention_heads": 8,
                "num_key_value_heads": 1,
                "head_dim": 256,
                "vocab_size": 257216,
            },
            "vision_config": {
                "model_type": "siglip_vision_model",
                **_SIGLIP_SO400M,
                "patch_size": 14,
                "image_size": 224,
                "projection_dim": 2048,
                "vision_use_head": False,
            },
            "projection_dim": 2048,
            "hidden_size": 2048,
            "image_token_index": 257152,
        },
    ),
    "smolvlm2-500m": Published(
        "smolvlm",
        "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        507_482_304,
        49_152,
        _smolvlm(
            {
                "hidden_size": 960,
                "intermediate_size": 2560,
                "num_hidden_layers": 32,
                "num_attention_heads": 15,
                "num_key_value_heads": 5,
            },
            {**_SIGLIP_BASE, "patch_size": 16, "image_size": 512},
            scale_factor=4,
            rope_theta=100_000.0,
        ),
    ),
    "smolvlm2-2.2b": Published(
        "smolvlm",
        "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
        2_246_784_880,
        49_152,
        _smolvlm(
            {
                "hidden_size": 2048,
                "intermediate_size": 8192,
                "num_hidden_layers": 24,
                "num_attention_heads": 32,
                "num_key_value_heads": 32,
            },
            {**_SIGLIP_SO400M, "patch_size": 14, "image_size": 384},
            scale_factor=3,
            rope_theta=273_768.0,
        ),
    ),
    "qwen2.5-vl-3b": Published(
        "qwen2_5_vl",
        "Qwen/Qwen2.5-VL-3B-Instruct",
        3_754_622_976,
        151_643,
        {
            "text_config": {
                "hidden_size": 2048,
                "intermediate_size": 11008,
                "num_hidden_layers": 36,
                "num_attention_heads": 16,
                "num_key_value_heads": 2,
                "vocab_size": 151936,
                "tie_word_embeddings": True,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 1_000_000.0,
                    "mrope_section": [16, 24, 24],
                },
            },
            "vision_config": {
                "depth": 32,
                "hidden_size": 1280,
                "intermediate_size": 3420,
                "num_heads": 16,
                "out_hidden_size": 2048,
            },
            "tie_word_embeddings": True,
        },
    ),
}


def find_published(name: str) -> Published:
    """The public model of that name.

    Raises:
        UnknownName: with the nearest names.
    """
    if name not in PUBLISHED:
        raise UnknownName("public model", name, PUBLISHED, "docs/FIELD.md")
    return PUBLISHED[name]
