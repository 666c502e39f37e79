"""Instructions <-> token ids: a byte-pair vocabulary fitted on the data set's own instructions."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from praxia.transforms.padding import padded

__all__ = ["TextTokenizer"]

PAD, UNKNOWN = "[PAD]", "[UNK]"
# Far more than the longest instruction trained on: a longer one, in other words or of several parts, is not cut.
MAX_LENGTH = 64


@dataclass(frozen=True)
class TextTokenizer:
    """A byte-level BPE vocabulary (the `tokenizers` library) as a value; `model` is its JSON text.

    Byte-level: an instruction never seen still splits into known pieces. Lower-cased; truncated at `max_length` ids.
    """

    model: str
    max_length: int

    @classmethod
    def fit(cls, instructions: Sequence[str], vocabulary: int = 512) -> "TextTokenizer":
        """Fit on the distinct instructions.

        Deterministic: neither the order nor the number of times an instruction is given matters.
        """
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[PAD, UNKNOWN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sorted(set(instructions)), trainer)
        return cls(tokenizer.to_str(), MAX_LENGTH)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.model)

    @cached_property
    def _ids(self):
        return lru_cache(maxsize=4096)(lambda text: self._tokenizer.encode(text).ids[: self.max_length])

    @property
    def size(self) -> int:
        """How many ids there are. Id 0 pads."""
        return self._tokenizer.get_vocab_size()

    def cut(self, instructions: Iterable[str]) -> list[str]:
        """The distinct instructions that are longer than `max_length` ids: what is behind is not read."""
        return [text for text in sorted(set(instructions)) if len(self._tokenizer.encode(text).ids) > self.max_length]

    def encode(
        self, instructions: Sequence[str], states: Float32[np.ndarray, "B S"] | None = None
    ) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids, padded with 0 to the longest of these instructions, and which of them count; states are not told."""
        return padded([self._ids(text) for text in instructions])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def decode(self, ids: Sequence[int]) -> str:
        """The (lower-cased) text behind `ids`."""
        return self._tokenizer.decode(list(ids)).strip()
