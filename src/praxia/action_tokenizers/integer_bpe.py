"""Byte-pair encoding of integers: the merges are of integers themselves, not of the bytes of a text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Int8, Int64
from tokenizers import Tokenizer, models, trainers

from praxia.action_tokenizers.characters import texts_of
from praxia.action_tokenizers.runs import RunTable
from praxia.action_tokenizers.tokenizer import Status

__all__ = ["IntegerBpe"]

# Integers travel through the library as characters from here on. It reads them without a pre-tokenizer or a
# normaliser, so their meaning as text plays no part.
FIRST_CHARACTER = 0x100
# Up to where UTF-8 has no characters of its own.
MAX_VOCABULARY = 0xD800 - FIRST_CHARACTER
END_OF_ROW = "\n"
# Replacing pays for pairs that occur nearly everywhere, and costs a pass over the text for each.
NUM_REPLACED = 16
# Rows to learn merges from: some seconds.
MAX_FITTED = 4096


@dataclass(frozen=True)
class IntegerBpe:
    """The integers `low` .. `high` as ids from 0 on, then one id for each merge of two earlier ids.

    Merges are applied in their order, each from left to right (Sennrich et al. 2016), by the `tokenizers` library. The
    first few, which do most of the shortening, are string replacements of the whole batch before that: as every merge
    makes an id of its own out of earlier ids, none of them can apply again once the later ones have begun.
    """

    kind: ClassVar[str] = "integers"
    tokens_per_integer: ClassVar[int] = 1

    low: int
    high: int
    merges: tuple[tuple[int, int], ...]

    @classmethod
    def fit(cls, integers: Int64[np.ndarray, "B N"], low: int, high: int, size: int) -> "IntegerBpe":
        """At most `size` ids; the merges are learned from 4096 rows at most, of integers in [low, high].

        Deterministic, and independent of the order of the rows: those to learn from are taken evenly out of the
        sorted ones. A merge that spells what an earlier id spells too is left out.
        """
        num_integers = high - low + 1
        assert num_integers <= size <= MAX_VOCABULARY
        tokenizer = Tokenizer(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=[chr(FIRST_CHARACTER + index) for index in range(num_integers)],
        )
        rows = sorted(texts_of(integers - low + FIRST_CHARACTER))
        tokenizer.train_from_iterator(rows[:: -(-len(rows) // MAX_FITTED)], trainer)
        ids, merges = tokenizer.get_vocab(), json.loads(tokenizer.to_str())["model"]["merges"]
        first = {left + right: (ids[left], ids[right]) for left, right in reversed(merges)}
        return cls(low, high, tuple(first[text] for text in sorted(first, key=ids.__getitem__)))

    @property
    def size(self) -> int:
        return self._num_integers + len(self.merges)

    @property
    def _num_integers(self) -> int:
        return self.high - self.low + 1

    def lengths(self) -> Int64[np.ndarray, " V"]:
        return self._runs.length

    def nearest(self, integers: Int64[np.ndarray, "B N"]) -> Int64[np.ndarray, "B N"]:
        return integers.clip(self.low, self.high)

    def encode(self, integers: Int64[np.ndarray, "B N"]) -> Sequence[Sequence[int]]:
        text = END_OF_ROW.join(texts_of(integers - self.low + FIRST_CHARACTER))
        for pair, merged in self._replacements:
            text = text.replace(pair, merged)
        return [row.ids for row in self._tokenizer.encode_batch_fast(text.split(END_OF_ROW)[: len(integers)])]

    def decode(
        self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], num: int
    ) -> tuple[Int64[np.ndarray, "B {num}"], Int8[np.ndarray, " B"]]:
        row, flat = np.nonzero(valid)[0], ids[valid]
        known = (flat >= 0) & (flat < self.size)
        flat = np.where(known, flat, 0)
        length = np.bincount(row, self._runs.length[flat], len(ids))
        status = np.full(len(ids), Status.OK, np.int8)
        status[length < num] = Status.TOO_SHORT
        status[length > num] = Status.TOO_LONG
        status[row[~known]] = Status.UNKNOWN_ID
        ok = status == Status.OK
        integers = np.zeros((len(ids), num), np.int64)
        integers[ok] = self._runs.join(flat[ok[row]]).reshape(-1, num)
        return integers, status

    @cached_property
    def _replacements(self) -> list[tuple[str, str]]:
        """The first merges as (two characters, one character)."""
        pieces = self._pieces
        merges = enumerate(self.merges[:NUM_REPLACED], self._num_integers)
        return [(pieces[left] + pieces[right], pieces[index]) for index, (left, right) in merges]

    @cached_property
    def _pieces(self) -> list[str]:
        """What each id is to the library: one character up to the last replacement, then what its merge joins."""
        single = self._num_integers + len(self.merges[:NUM_REPLACED])
        pieces = [chr(FIRST_CHARACTER + index) for index in range(single)]
        for left, right in self.merges[NUM_REPLACED:]:
            pieces.append(pieces[left] + pieces[right])
        return pieces

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        pieces = self._pieces
        merges = [(pieces[left], pieces[right]) for left, right in self.merges[NUM_REPLACED:]]
        return Tokenizer(models.BPE(vocab={piece: index for index, piece in enumerate(pieces)}, merges=merges))

    @cached_property
    def _runs(self) -> RunTable:
        runs: list[tuple[int, ...]] = [(integer,) for integer in range(self.low, self.high + 1)]
        for left, right in self.merges:
            runs.append(runs[left] + runs[right])
        return RunTable(runs)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "low": self.low, "high": self.high, "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "IntegerBpe":
        return cls(value["low"], value["high"], tuple((left, right) for left, right in value["merges"]))
