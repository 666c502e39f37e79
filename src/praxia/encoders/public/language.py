"""The language model inside a public vision-language model, as a stack that reads in pieces."""

from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.nn.stack import AttentionConfig, KVCache, attention_layout

__all__ = ["PublicLanguage", "attention_config"]


def attention_config(config: Any) -> AttentionConfig:
    """What an action expert must share with a language model of that `transformers` config."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    base = config.rope_parameters["rope_theta"]
    return AttentionConfig(
        config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads, width, base
    )


class PublicLanguage:
    """`nn.types.LanguageModel` over the modules of a `transformers` model: it holds them, but is none itself.

    Masks and positions are this project's, given explicitly, so that a prompt may be padded on the right, seen both
    ways, and read on by whom it does not know.
    """

    def __init__(self, text_model: nn.Module, say: nn.Module | None, grid_positions: bool, num_text_tokens: int):
        config: Any = text_model.config
        self.vocabulary: int = min(num_text_tokens, config.vocab_size)
        self._text_model = text_model
        self._say = say
        self._grid_positions = grid_positions

    def embed(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        return self._text_model.get_input_embeddings()(ids)  # pyright: ignore[reportCallIssue]

    def read(
        self, x: Float[Tensor, "B L D"], valid: Bool[Tensor, "B L"], blocks: Int[Tensor, " L"], cache: KVCache | None
    ) -> tuple[Float[Tensor, "B L D"], KVCache]:
        position, seen, valid, following = attention_layout(valid, blocks, cache)
        hidden, layers = self.run(x, position, seen, cache)
        return hidden, KVCache(layers, valid, following)

    def run(
        self,
        x: Float[Tensor, "B L D"],
        position: Int[Tensor, "... B L"],
        seen: Bool[Tensor, "B 1 L N"],
        cache: KVCache | None,
    ) -> tuple[Float[Tensor, "B L D"], tuple[tuple[Tensor, Tensor], ...]]:
        """One pass at explicit positions; hidden states behind the last norm, and all layers' keys and values."""
        from transformers import DynamicCache

        past = DynamicCache(cache.layers if cache is not None else None)
        if self._grid_positions and position.ndim == 2:
            position = position.expand(3, -1, -1)
        found = self._text_model(
            inputs_embeds=x, attention_mask=seen, position_ids=position, past_key_values=past, use_cache=True
        )
        layers = tuple((layer.keys, layer.values) for layer in found.past_key_values.layers)
        return found.last_hidden_state, layers

    def logits(self, hidden: Float[Tensor, "B L D"], words: slice = slice(None)) -> Float[Tensor, "B L V"]:
        table: Any = self._say or self._text_model.get_input_embeddings()  # pyright: ignore[reportCallIssue]
        return functional.linear(hidden, table.weight[words])
