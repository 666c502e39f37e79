"""FAST: the rounded frequency coefficients of a chunk as byte-pair tokens, also with official vocabularies."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.fft import dct, idct

from praxia.action_tokenizers.byte_pairs import IntegerBpe, IntegerVocabulary, Utf8Bpe
from praxia.action_tokenizers.interface import DecodedChunks, Status, TokenizedChunks, expect_chunks, pad_rows
from praxia.action_tokenizers.migration import SCHEMA
from praxia.core.errors import DataError, MismatchError, PraxiaError

__all__ = ["Fast", "load_official"]

SCALE = 10.0
VOCAB_SIZE = 1024
# Other chunks exceed the range of those in the fit a little; tokens for that cost next to nothing.
HEADROOM = 0.1
# Far beyond any alphabet, and within int64.
MAX_COEFFICIENT = 2.0**40


@dataclass(frozen=True)
class Fast:
    """DCT-II along time, times `scale`, rounded; all dims of the lowest frequency first; then byte pairs of integers.

    Source: FAST (Pertsch et al. 2025, arXiv 2501.09747, section V and the public `physical-intelligence/fast`).
    Deviations: pairs are of integers, not of the UTF-8 bytes of a text that was split into English words
    (`load_official` reads those vocabularies); a coefficient out of the alphabet is clipped on both sides and counted,
    where the public code silently clips below; tokens that do not encode a chunk are refused with a `Status`, where the
    public code returns zeros; the DCT is in float64, so that a coefficient halfway between two integers may round to
    another one than in float32.
    """

    tag: ClassVar[str] = "fast"

    horizon: int
    action_dim: int
    scale: float
    vocabulary: IntegerVocabulary

    @classmethod
    def fit(cls, chunks: Float32[np.ndarray, "B H A"], scale: float = SCALE, vocab_size: int = VOCAB_SIZE) -> "Fast":
        """With an alphabet of the coefficients' range in `chunks`, and a tenth of it more on either side.

        Deterministic, and independent of the order of the chunks.

        Raises:
            DataError: the coefficients span more integers than `vocab_size`.
        """
        expect_chunks(chunks, *chunks.shape[1:])
        rows = _quantised(chunks, scale)
        low, high = int(rows.min()), int(rows.max())
        margin = math.ceil(HEADROOM * (high - low))
        if high - low + 1 + 2 * margin > vocab_size:
            raise DataError(
                f"expected actions that are normalised to about [-1, 1], got {chunks.min():.3g} to {chunks.max():.3g}: "
                f"a FAST tokenizer of {vocab_size} tokens cannot encode the coefficients {low} to {high}; correct the "
                "actions far out of range, or use `praxia tokenizer fit DATA --tokenizer quantile-bins`"
            )
        vocabulary = IntegerBpe.fit(rows, low - margin, high + margin, vocab_size)
        return cls(chunks.shape[1], chunks.shape[2], scale, vocabulary)

    @property
    def vocab_size(self) -> int:
        return self.vocabulary.size

    def token_lengths(self) -> Int64[np.ndarray, " V"]:
        return self.vocabulary.token_lengths()

    @property
    def max_length(self) -> int:
        return self.horizon * self.action_dim * self.vocabulary.tokens_per_integer

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> TokenizedChunks:
        expect_chunks(chunks, self.horizon, self.action_dim)
        coefficients = _quantised(chunks, self.scale)
        in_alphabet = self.vocabulary.nearest(coefficients)
        tokens, valid = pad_rows(self.vocabulary.encode(in_alphabet))
        return TokenizedChunks(tokens, valid, in_alphabet != coefficients)

    def decode(self, tokens: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> DecodedChunks:
        rows, status = self.vocabulary.decode(tokens, valid, self.horizon * self.action_dim)
        coefficients = rows.reshape(-1, self.horizon, self.action_dim) / self.scale
        chunks = np.asarray(idct(coefficients, type=2, axis=1, norm="ortho"), dtype=np.float32)
        chunks[status != Status.OK] = np.nan
        return DecodedChunks(chunks, status)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "type": self.tag,
            "horizon": self.horizon,
            "action_dim": self.action_dim,
            "scale": self.scale,
            "vocabulary": self.vocabulary.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Fast":
        vocabularies = {vocabulary.tag: vocabulary for vocabulary in (IntegerBpe, Utf8Bpe)}
        vocabulary = vocabularies[value["vocabulary"]["type"]].from_json(value["vocabulary"])
        return cls(value["horizon"], value["action_dim"], value["scale"], vocabulary)


def _quantised(chunks: Float32[np.ndarray, "B H A"], scale: float) -> Int64[np.ndarray, "B N"]:
    coefficients = np.asarray(dct(chunks.astype(np.float64), type=2, axis=1, norm="ortho")) * scale
    limited = np.around(coefficients).clip(-MAX_COEFFICIENT, MAX_COEFFICIENT)
    return limited.astype(np.int64).reshape(len(chunks), -1)


def load_official(folder: Path, horizon: int, action_dim: int) -> Fast:
    """The official tokenizer in `folder`, laid out as the Hub's `physical-intelligence/fast`.

    Reads tokenizer.json and processor_config.json. Its tokens equal those of the public code for coefficients inside
    the alphabet. FAST+ takes chunks of any horizon and dim and names none, so they are arguments.

    Raises:
        PraxiaError: a file is missing or of another format.
        MismatchError: the folder is for chunks of another horizon or number of dims.
    """
    config = _read_json(folder / "processor_config.json")
    model = folder / "tokenizer.json"
    content = _read_json(model)
    missing = {"scale", "min_token"} - config.keys()
    if missing:
        raise _broken(folder / "processor_config.json", f"it lacks {', '.join(sorted(missing))}")
    for name, value in (("time_horizon", horizon), ("action_dim", action_dim)):
        if config.get(name) not in (None, value):
            raise MismatchError(
                f"{folder} is for a {name} of {config[name]}, got {value}; "
                "fit a tokenizer for it: `praxia tokenizer fit DATA`"
            )
    for expected, found in (("BPE", content.get("model")), ("ByteLevel", content.get("pre_tokenizer"))):
        if not isinstance(found, dict) or found.get("type") != expected:
            raise _broken(model, f"it is no byte-level BPE: {expected} is missing")
    vocabulary = Utf8Bpe(json.dumps(content, ensure_ascii=False), int(config["min_token"]))
    return Fast(horizon, action_dim, float(config["scale"]), vocabulary)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error


def _broken(path: Path, why: str) -> PraxiaError:
    return PraxiaError(
        f"expected {path.name} of a FAST tokenizer in {path.parent}, which cannot be read: {why}; "
        "download the folder physical-intelligence/fast again"
    )
