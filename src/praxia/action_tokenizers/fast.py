"""FAST: the frequencies of a chunk, rounded, as byte-pair codes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.fft import dct, idct

from praxia.action_tokenizers.integer_bpe import IntegerBpe
from praxia.action_tokenizers.tokenizer import DecodedChunks, Status, TokenizedChunks, expect_chunks, padded
from praxia.action_tokenizers.utf8_bpe import Utf8Bpe
from praxia.action_tokenizers.vocabulary import IntegerVocabulary
from praxia.core.errors import DataError

__all__ = ["Fast"]

SCALE = 10.0
VOCABULARY = 1024
# Chunks that were not fitted on go a little beyond those that were; ids for it cost next to nothing.
HEADROOM = 0.1
# Far beyond any alphabet, and within int64.
BEYOND = 2.0**40


@dataclass(frozen=True)
class Fast:
    """DCT-II along time, times `scale`, rounded; all dims of the lowest frequency first; then byte pairs of integers.

    Source: FAST (Pertsch et al. 2025, arXiv 2501.09747, section V and the public `physical-intelligence/fast`).
    Deviations: pairs are of integers, not of the UTF-8 bytes of a text that was split by the words of English
    (`official.load_official` reads those vocabularies); a coefficient out of the alphabet is clipped on both sides and
    counted, where the public code clips below in silence; ids that make no chunk are refused with a `Status`, where
    the public code returns zeros; the DCT is in float64, so that a coefficient on the edge of two integers may round
    to the other one than in float32.
    """

    tag: ClassVar[str] = "fast"

    horizon: int
    action_dim: int
    scale: float
    integers: IntegerVocabulary

    @classmethod
    def fit(cls, chunks: Float32[np.ndarray, "B H A"], scale: float = SCALE, vocabulary: int = VOCABULARY) -> "Fast":
        """The alphabet holds the range of the coefficients of `chunks`, and a tenth of it more on either side.

        Deterministic, and independent of the order of the chunks.

        Raises:
            DataError: the coefficients span more integers than `vocabulary` has ids.
        """
        expect_chunks(chunks, *chunks.shape[1:])
        rows = _quantised(chunks, scale)
        low, high = int(rows.min()), int(rows.max())
        more = math.ceil(HEADROOM * (high - low))
        if high - low + 1 + 2 * more > vocabulary:
            raise DataError(
                f"expected actions that are normalised to about [-1, 1], got {chunks.min():.3g} to {chunks.max():.3g}: "
                f"a FAST code of {vocabulary} ids cannot hold the coefficients {low} to {high}; mend the actions that "
                "are far out, or use `praxia codes fit DATA --code quantile-bins`"
            )
        integers = IntegerBpe.fit(rows, low - more, high + more, vocabulary)
        return cls(chunks.shape[1], chunks.shape[2], scale, integers)

    @property
    def vocabulary(self) -> int:
        return self.integers.size

    def lengths(self) -> Int64[np.ndarray, " V"]:
        return self.integers.lengths()

    @property
    def max_length(self) -> int:
        return self.horizon * self.action_dim * self.integers.tokens_per_integer

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> TokenizedChunks:
        expect_chunks(chunks, self.horizon, self.action_dim)
        wanted = _quantised(chunks, self.scale)
        said = self.integers.nearest(wanted)
        ids, valid = padded(self.integers.encode(said))
        return TokenizedChunks(ids, valid, said != wanted)

    def decode(self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> DecodedChunks:
        rows, status = self.integers.decode(ids, valid, self.horizon * self.action_dim)
        coefficients = rows.reshape(-1, self.horizon, self.action_dim) / self.scale
        chunks = np.asarray(idct(coefficients, type=2, axis=1, norm="ortho"), dtype=np.float32)
        chunks[status != Status.OK] = np.nan
        return DecodedChunks(chunks, status)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.tag,
            "horizon": self.horizon,
            "action_dim": self.action_dim,
            "scale": self.scale,
            "integers": self.integers.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Fast":
        kinds = {kind.kind: kind for kind in (IntegerBpe, Utf8Bpe)}
        integers = kinds[value["integers"]["kind"]].from_json(value["integers"])
        return cls(value["horizon"], value["action_dim"], value["scale"], integers)


def _quantised(chunks: Float32[np.ndarray, "B H A"], scale: float) -> Int64[np.ndarray, "B N"]:
    coefficients = np.asarray(dct(chunks.astype(np.float64), type=2, axis=1, norm="ortho")) * scale
    return np.around(coefficients).clip(-BEYOND, BEYOND).astype(np.int64).reshape(len(chunks), -1)
