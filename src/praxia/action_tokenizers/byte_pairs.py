"""Byte-pair encodings of integer sequences: of integers, or of their UTF-8 bytes as in the official FAST."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int8, Int64
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from praxia.action_tokenizers.interface import Status
from praxia.core.errors import MismatchError

__all__ = ["IntegerBpe", "IntegerVocabulary", "Utf8Bpe"]

# The `tokenizers` library receives integers as characters from here on. It has no pre-tokenizer or normaliser here, so
# their meaning as text does not matter.
FIRST_CHARACTER = 0x100
# The first code points that UTF-8 cannot encode are at 0xD800.
MAX_VOCAB_SIZE = 0xD800 - FIRST_CHARACTER
END_OF_ROW = "\n"
# A replacement is worth a pass over the text only for pairs that occur nearly everywhere.
NUM_REPLACED = 16
# The number of rows to learn merges from: some seconds.
MAX_FITTED = 4096
# Two bytes of UTF-8. The official code goes up to four; at its scale those are actions hundreds of times out of range.
NUM_CHARACTERS = 0x800


@runtime_checkable
class IntegerVocabulary(Protocol):
    """Sequences of integers <-> shorter sequences of tokens. Axes: B rows, N integers per row, L tokens per row."""

    # At most: 1 where every token encodes one integer or more.
    tokens_per_integer: ClassVar[int]

    @property
    def size(self) -> int: ...

    def token_lengths(self) -> Int64[np.ndarray, " V"]:
        """How many integers each token encodes. Raises MismatchError where a token may be a fraction of one."""
        ...

    def nearest(self, integers: Int64[np.ndarray, "B N"]) -> Int64[np.ndarray, "B N"]:
        """The integers themselves if they are in the alphabet, otherwise the nearest ones that are."""
        ...

    def encode(self, integers: Int64[np.ndarray, "B N"]) -> Sequence[Sequence[int]]:
        """The tokens of each row; every integer must be in the alphabet."""
        ...

    def decode(
        self, tokens: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], num: int
    ) -> tuple[Int64[np.ndarray, "B {num}"], Int8[np.ndarray, " B"]]:
        """The `num` integers of each row and the row's `Status`; zeros where that is not OK."""
        ...

    def to_json(self) -> dict[str, Any]:
        """A JSON value from which `from_json` makes an equal vocabulary."""
        ...


@dataclass(frozen=True)
class IntegerBpe:
    """The integers `low` .. `high` as tokens from 0 on, then one token for each merge of two earlier tokens.

    Merges are applied in their order, each from left to right (Sennrich et al. 2016), by the `tokenizers` library. The
    first few, which shorten most, are first applied as string replacements to the complete batch: as every merge joins
    earlier tokens into a new one, none of them can apply again after a later one.
    """

    tag: ClassVar[str] = "integer-bpe"
    tokens_per_integer: ClassVar[int] = 1

    low: int
    high: int
    merges: tuple[tuple[int, int], ...]

    @classmethod
    def fit(cls, integers: Int64[np.ndarray, "B N"], low: int, high: int, size: int) -> "IntegerBpe":
        """At most `size` tokens; the merges are learned from at most 4096 rows, of integers in [low, high].

        Deterministic, and independent of the order of the rows: the rows to learn from are spread evenly over the
        sorted ones. A merge whose integers an earlier token already encodes is left out.
        """
        num_integers = high - low + 1
        assert num_integers <= size <= MAX_VOCAB_SIZE
        tokenizer = Tokenizer(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=[chr(FIRST_CHARACTER + index) for index in range(num_integers)],
        )
        rows = sorted(_as_texts(integers - low + FIRST_CHARACTER))
        tokenizer.train_from_iterator(rows[:: -(-len(rows) // MAX_FITTED)], trainer)
        tokens, merges = tokenizer.get_vocab(), json.loads(tokenizer.to_str())["model"]["merges"]
        first = {left + right: (tokens[left], tokens[right]) for left, right in reversed(merges)}
        return cls(low, high, tuple(first[text] for text in sorted(first, key=tokens.__getitem__)))

    @property
    def size(self) -> int:
        return self._num_integers + len(self.merges)

    @property
    def _num_integers(self) -> int:
        return self.high - self.low + 1

    def token_lengths(self) -> Int64[np.ndarray, " V"]:
        return self._sequences.length

    def nearest(self, integers: Int64[np.ndarray, "B N"]) -> Int64[np.ndarray, "B N"]:
        return integers.clip(self.low, self.high)

    def encode(self, integers: Int64[np.ndarray, "B N"]) -> Sequence[Sequence[int]]:
        text = END_OF_ROW.join(_as_texts(integers - self.low + FIRST_CHARACTER))
        for pair, merged in self._replacements:
            text = text.replace(pair, merged)
        return [row.ids for row in self._tokenizer.encode_batch_fast(text.split(END_OF_ROW)[: len(integers)])]

    def decode(
        self, tokens: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], num: int
    ) -> tuple[Int64[np.ndarray, "B {num}"], Int8[np.ndarray, " B"]]:
        row, flat = np.nonzero(valid)[0], tokens[valid]
        known = (flat >= 0) & (flat < self.size)
        flat = np.where(known, flat, 0)
        length = np.bincount(row, self._sequences.length[flat], len(tokens))
        status = np.full(len(tokens), Status.OK, np.int8)
        status[length < num] = Status.TOO_SHORT
        status[length > num] = Status.TOO_LONG
        status[row[~known]] = Status.UNKNOWN_TOKEN
        ok = status == Status.OK
        integers = np.zeros((len(tokens), num), np.int64)
        integers[ok] = self._sequences.join(flat[ok[row]]).reshape(-1, num)
        return integers, status

    @cached_property
    def _replacements(self) -> list[tuple[str, str]]:
        """The first merges as (two characters, one character)."""
        pieces = self._pieces
        merges = enumerate(self.merges[:NUM_REPLACED], self._num_integers)
        return [(pieces[left] + pieces[right], pieces[index]) for index, (left, right) in merges]

    @cached_property
    def _pieces(self) -> list[str]:
        """Each token as the library's text: one character up to the last replacement, then what its merge joins."""
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
    def _sequences(self) -> "SequenceTable":
        sequences: list[tuple[int, ...]] = [(integer,) for integer in range(self.low, self.high + 1)]
        for left, right in self.merges:
            sequences.append(sequences[left] + sequences[right])
        return SequenceTable(sequences)

    def to_json(self) -> dict[str, Any]:
        return {"type": self.tag, "low": self.low, "high": self.high, "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "IntegerBpe":
        return cls(value["low"], value["high"], tuple((left, right) for left, right in value["merges"]))


@dataclass(frozen=True)
class Utf8Bpe:
    """Integer i is the character chr(i - min_token). `model` is the JSON text of a byte-level BPE `tokenizers` model.

    The alphabet is every character whose bytes are all in the vocabulary: the official tokenizer silently drops others,
    which shifts every coefficient after them.
    """

    tag: ClassVar[str] = "utf8-bpe"
    tokens_per_integer: ClassVar[int] = 2

    model: str
    min_token: int

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.model)

    @property
    def size(self) -> int:
        return len(self._bytes)

    def token_lengths(self) -> Int64[np.ndarray, " V"]:
        raise MismatchError(
            "expected a tokenizer whose tokens encode complete integers, got an official vocabulary of bytes, with "
            "which a network can generate half a character; fit one: `praxia tokenizer fit DATA --tokenizer fast`"
        )

    def nearest(self, integers: Int64[np.ndarray, "B N"]) -> Int64[np.ndarray, "B N"]:
        return self._nearest[(integers - self.min_token).clip(0, NUM_CHARACTERS - 1)] + self.min_token

    def encode(self, integers: Int64[np.ndarray, "B N"]) -> Sequence[Sequence[int]]:
        return [row.ids for row in self._tokenizer.encode_batch_fast(_as_texts(integers - self.min_token))]

    def decode(
        self, tokens: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], num: int
    ) -> tuple[Int64[np.ndarray, "B {num}"], Int8[np.ndarray, " B"]]:
        integers, status = np.zeros((len(tokens), num), np.int64), np.full(len(tokens), Status.OK, np.int8)
        for row in range(len(tokens)):
            decoded = self._decode_row(tokens[row][valid[row]])
            if isinstance(decoded, Status):
                status[row] = decoded
            elif len(decoded) != num:
                status[row] = Status.TOO_SHORT if len(decoded) < num else Status.TOO_LONG
            else:
                integers[row] = decoded
        return integers, status

    def _decode_row(self, tokens: Int64[np.ndarray, " L"]) -> Int64[np.ndarray, " N"] | Status:
        if ((tokens < 0) | (tokens >= self.size)).any():
            return Status.UNKNOWN_TOKEN
        try:
            characters = _as_integers(b"".join(map(self._bytes.__getitem__, tokens.tolist())).decode("utf-8"))
        except UnicodeDecodeError:
            return Status.MALFORMED
        return Status.MALFORMED if (characters >= NUM_CHARACTERS).any() else characters + self.min_token

    @cached_property
    def _bytes(self) -> list[bytes]:
        """The bytes of each token. A token with a character that stands for no byte stands for its own UTF-8 bytes."""
        byte_of = _byte_of_character()
        tokens = self._tokenizer.get_vocab()
        return [
            bytes(byte_of[c] for c in token) if byte_of.keys() >= set(token) else token.encode()
            for token in sorted(tokens, key=tokens.__getitem__)
        ]

    @cached_property
    def _nearest(self) -> Int64[np.ndarray, " 2048"]:
        """For each character the nearest one of the alphabet."""
        tokens = self._tokenizer.get_vocab()
        known_bytes = {byte for character, byte in _byte_of_character().items() if character in tokens}
        known = np.array([point for point in range(NUM_CHARACTERS) if known_bytes.issuperset(chr(point).encode())])
        edges = (known[:-1] + known[1:]) / 2
        return known[np.searchsorted(edges, np.arange(NUM_CHARACTERS))]

    def to_json(self) -> dict[str, Any]:
        return {"type": self.tag, "model": self.model, "min_token": self.min_token}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Utf8Bpe":
        return cls(value["model"], value["min_token"])


class SequenceTable:
    """The integer sequences that tokens stand for; `length[i]` is that of token i."""

    def __init__(self, sequences: Sequence[Sequence[int]]):
        self.length = np.array([len(sequence) for sequence in sequences], np.int64)
        self._begin = np.cumsum(self.length) - self.length
        self._integers = np.fromiter(chain.from_iterable(sequences), np.int64)

    def join(self, tokens: Int64[np.ndarray, " L"]) -> Int64[np.ndarray, " N"]:
        """The sequences of `tokens`, one after another."""
        length = self.length[tokens]
        before = np.cumsum(length) - length
        return self._integers[np.repeat(self._begin[tokens] - before, length) + np.arange(length.sum())]


def _as_texts(integers: Int64[np.ndarray, "B N"]) -> list[str]:
    """Each row as the text of the characters with those code points (0 to 0xD7FF), without a loop over them."""
    width = integers.shape[1]
    text = integers.astype("<u4").tobytes().decode("utf-32-le")
    return [text[at : at + width] for at in range(0, integers.size, width)]


def _as_integers(text: str) -> Int64[np.ndarray, " N"]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.int64)


def _byte_of_character() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for.

    The alphabet of GPT-2: a printable byte (as Latin-1) is its own character, the others are numbered from 256 on.
    """
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    printing = [byte for byte in range(256) if chr(byte) in alphabet]
    others = [byte for byte in range(256) if chr(byte) not in alphabet]
    return {chr(byte): byte for byte in printing} | {chr(256 + n): byte for n, byte in enumerate(others)}
