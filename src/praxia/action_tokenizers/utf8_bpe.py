"""The official FAST vocabularies: integers as characters, and byte pairs of their UTF-8 bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Int8, Int64
from tokenizers import Tokenizer, pre_tokenizers

from praxia.action_tokenizers.characters import integers_of, texts_of
from praxia.action_tokenizers.tokenizer import Status
from praxia.core.errors import MismatchError

__all__ = ["Utf8Bpe"]

# Two bytes of UTF-8. The official code goes on to four; at its scale those are actions of hundreds of ranges.
NUM_CHARACTERS = 0x800


@dataclass(frozen=True)
class Utf8Bpe:
    """Integer i is the character chr(i - min_token). `model` is the JSON text of a byte-level BPE `tokenizers` model.

    The alphabet is every character whose bytes are all in the vocabulary: the official tokenizer drops others in
    silence, which moves every coefficient after them to another place.
    """

    kind: ClassVar[str] = "utf8"
    tokens_per_integer: ClassVar[int] = 2

    model: str
    min_token: int

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.model)

    @property
    def size(self) -> int:
        return len(self._bytes)

    def lengths(self) -> Int64[np.ndarray, " V"]:
        raise MismatchError(
            "expected a code whose ids stand for whole integers, got an official vocabulary of bytes, with which a "
            "network can spell half a character; fit one: `praxia codes fit DATA --code fast`"
        )

    def nearest(self, integers: Int64[np.ndarray, "B N"]) -> Int64[np.ndarray, "B N"]:
        return self._nearest[(integers - self.min_token).clip(0, NUM_CHARACTERS - 1)] + self.min_token

    def encode(self, integers: Int64[np.ndarray, "B N"]) -> Sequence[Sequence[int]]:
        return [row.ids for row in self._tokenizer.encode_batch_fast(texts_of(integers - self.min_token))]

    def decode(
        self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], num: int
    ) -> tuple[Int64[np.ndarray, "B {num}"], Int8[np.ndarray, " B"]]:
        integers, status = np.zeros((len(ids), num), np.int64), np.full(len(ids), Status.OK, np.int8)
        for row in range(len(ids)):
            found = self._decode_row(ids[row][valid[row]])
            if isinstance(found, Status):
                status[row] = found
            elif len(found) != num:
                status[row] = Status.TOO_SHORT if len(found) < num else Status.TOO_LONG
            else:
                integers[row] = found
        return integers, status

    def _decode_row(self, ids: Int64[np.ndarray, " L"]) -> Int64[np.ndarray, " N"] | Status:
        if ((ids < 0) | (ids >= self.size)).any():
            return Status.UNKNOWN_ID
        try:
            characters = integers_of(b"".join(map(self._bytes.__getitem__, ids.tolist())).decode("utf-8"))
        except UnicodeDecodeError:
            return Status.MALFORMED
        return Status.MALFORMED if (characters >= NUM_CHARACTERS).any() else characters + self.min_token

    @cached_property
    def _bytes(self) -> list[bytes]:
        """What each id spells. A token with a character that stands for no byte spells that character itself."""
        byte_of = _byte_of_character()
        ids = self._tokenizer.get_vocab()
        return [
            bytes(byte_of[c] for c in token) if byte_of.keys() >= set(token) else token.encode()
            for token in sorted(ids, key=ids.__getitem__)
        ]

    @cached_property
    def _nearest(self) -> Int64[np.ndarray, " 2048"]:
        """For each character the nearest one of the alphabet."""
        tokens = self._tokenizer.get_vocab()
        spelled = {byte for character, byte in _byte_of_character().items() if character in tokens}
        known = np.array([point for point in range(NUM_CHARACTERS) if spelled.issuperset(chr(point).encode())])
        edges = (known[:-1] + known[1:]) / 2
        return known[np.searchsorted(edges, np.arange(NUM_CHARACTERS))]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "model": self.model, "min_token": self.min_token}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Utf8Bpe":
        return cls(value["model"], value["min_token"])


def _byte_of_character() -> dict[str, int]:
    """The bytes behind the characters of a byte-level vocabulary.

    The alphabet of GPT-2: a byte that prints (as Latin-1) is its own character, the others are numbered from 256 on.
    """
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    printing = [byte for byte in range(256) if chr(byte) in alphabet]
    others = [byte for byte in range(256) if chr(byte) not in alphabet]
    return {chr(byte): byte for byte in printing} | {chr(256 + n): byte for n, byte in enumerate(others)}
