"""The language model inside a public vision-language model: decoding with a cache, and LoRA adapters."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import optional_import
from praxia.nn.stack import AttentionConfig, attention_layout
from praxia.nn.types import KVCache

__all__ = ["PublicLanguageModel", "add_adapters", "attention_config", "merge_adapters"]

# The names that Gemma, Llama and Qwen share.
LINEAR_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def attention_config(config: Any) -> AttentionConfig:
    """The attention config that an action expert must share with a language model of that `transformers` config."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    base = config.rope_parameters["rope_theta"]
    return AttentionConfig(
        config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads, width, base
    )


class PublicLanguageModel:
    """`nn.types.LanguageModel` over the modules of a `transformers` model: it refers to them, and is no module itself.

    Masks and positions are computed here and passed explicitly, so that a prompt may be padded on the right, attended
    to in both directions, and continued by other weights.
    """

    def __init__(self, text_model: nn.Module, lm_head: nn.Module | None, grid_positions: bool, num_text_tokens: int):
        config: Any = text_model.config
        self.vocab_size: int = min(num_text_tokens, config.vocab_size)
        self._text_model = text_model
        self._lm_head = lm_head
        self._grid_positions = grid_positions

    def embed(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        return self._text_model.get_input_embeddings()(tokens)  # pyright: ignore[reportCallIssue]

    def decode(
        self, x: Float[Tensor, "B L D"], valid: Bool[Tensor, "B L"], blocks: Int[Tensor, " L"], cache: KVCache | None
    ) -> tuple[Float[Tensor, "B L D"], KVCache]:
        position, attended, valid, next_position = attention_layout(valid, blocks, cache)
        hidden, layers = self.run_layers(x, position, attended, cache)
        return hidden, KVCache(layers, valid, next_position)

    def run_layers(
        self,
        x: Float[Tensor, "B L D"],
        position: Int[Tensor, "... B L"],
        attended: Bool[Tensor, "B 1 L N"],
        cache: KVCache | None,
    ) -> tuple[Float[Tensor, "B L D"], tuple[tuple[Tensor, Tensor], ...]]:
        """One pass at explicit positions: hidden states after the last norm, and the keys and values of all layers."""
        past = ContinuedCache(cache)
        if self._grid_positions and position.ndim == 2:
            position = position.expand(3, -1, -1)
        output = self._text_model(
            inputs_embeds=x, attention_mask=attended, position_ids=position, past_key_values=past, use_cache=True
        )
        return output.last_hidden_state, past.layers

    def logits(self, hidden: Float[Tensor, "B L D"], tokens: slice = slice(None)) -> Float[Tensor, "B L V"]:
        table: Any = self._lm_head or self._text_model.get_input_embeddings()  # pyright: ignore[reportCallIssue]
        return functional.linear(hidden, table.weight[tokens])


class ContinuedCache:
    """What a `transformers` model takes for its key/value cache: the layers of `cache`, which stay as they are.

    The library's own cache grows whenever a layer is called, so that a layer that is computed again in the backward
    pass (`nn.blocks.recompute_blocks`) would see its keys and values twice.
    """

    def __init__(self, cache: KVCache | None):
        self._before = cache
        self._after: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def layers(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """The keys and values of all layers, with those of the cache."""
        return tuple(self._after[at] for at in sorted(self._after))

    def update(
        self, key: Float[Tensor, "B K L d"], value: Float[Tensor, "B K L d"], layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Float[Tensor, "B K N d"], Float[Tensor, "B K N d"]]:
        """The cached and the new keys and values of a layer: what its tokens attend to."""
        if self._before is not None:
            keys, values = self._before.layers[layer_idx]
            key, value = torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2)
        # Those of a layer that is computed again are no others, and would only be kept alive.
        self._after.setdefault(layer_idx, (key, value))
        return key, value


def add_adapters(text_model: nn.Module, rank: int, alpha: float) -> None:
    """LoRA (Hu et al. 2021, arXiv 2106.09685) on attention and MLPs, in place: W becomes W + alpha / rank B A.

    Freezes every weight of `text_model` but the adapters. B starts at zero, so that the output is unchanged at first.

    Raises:
        MissingPackage: `peft` is not installed.
    """
    with optional_import("training with adapters", "vlm"):
        from peft import LoraConfig, inject_adapter_in_model

    text_model.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=LINEAR_LAYERS)  # pyright: ignore[reportArgumentType]
    inject_adapter_in_model(config, text_model)


def merge_adapters(text_model: nn.Module) -> None:
    """The inverse of `add_adapters`: add each adapter's product to its weights and restore the original names."""
    from peft.tuners.lora import LoraLayer

    adapted = [(name, module) for name, module in text_model.named_modules() if isinstance(module, LoraLayer)]
    for name, module in adapted:
        module.merge()  # pyright: ignore[reportCallIssue]
        parent, _, child = name.rpartition(".")
        setattr(text_model.get_submodule(parent), child, module.get_base_layer())
