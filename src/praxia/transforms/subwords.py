"""Instructions <-> subword ids: a byte-pair vocabulary fitted on the data set's own instructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, Int64
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

__all__ = ["Subwords"]

PAD, UNKNOWN = "[PAD]", "[UNK]"
SLACK = 8


@dataclass(frozen=True)
class Subwords:
    """A byte-level BPE vocabulary (the `tokenizers` library) as a value; `model` is its JSON text.

    Byte-level: an instruction never seen still splits into known pieces. Lower-cased; truncated at `max_length` ids.
    """

    model: str
    max_length: int

    @classmethod
    def fit(cls, instructions: Sequence[str], vocabulary: int = 512) -> "Subwords":
        """Fit on the distinct instructions, with room for texts a little longer than the longest.

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
        longest = max(len(tokenizer.encode(text).ids) for text in instructions)
        return cls(tokenizer.to_str(), max_length=longest + SLACK)

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

    def encode(self, instructions: Sequence[str]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids, padded with 0 to `max_length`, and which of them count."""
        ids = np.zeros((len(instructions), self.max_length), dtype=np.int64)
        valid = np.zeros(ids.shape, dtype=bool)
        for row, text in enumerate(instructions):
            tokens = self._ids(text)
            ids[row, : len(tokens)] = tokens
            valid[row, : len(tokens)] = True
        return ids, valid

    def decode(self, ids: Sequence[int]) -> str:
        """The (lower-cased) text behind `ids`."""
        return self._tokenizer.decode(list(ids)).strip()
