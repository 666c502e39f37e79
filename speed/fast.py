"""Speed of the FAST tokenizer, encoding and decoding on one core: ours against the published algorithm in plain loops.

The reference is the algorithm as published: per chunk scipy's DCT, one character per coefficient, and the byte-level
`tokenizers` model that the public code fits (GPT-2's split into words, UTF-8 bytes), row by row, without checks. Both
are fitted here on the same chunks of 50 x 14 smooth motions, and encode other chunks, singly and in batches of 64.
`encode_ratio` is the lower of the two ratios, `decode_ratio` that of batches.

    python speed/fast.py [--json]
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
from tokenizers import ByteLevelBPETokenizer, pre_tokenizers
from tokenizers.trainers import BpeTrainer

from praxia.action_tokenizers.fast import SCALE, VOCAB_SIZE, Fast
from praxia.action_tokenizers.interface import Status
from praxia.core.keys import generator

HORIZON, DIMS, BATCH, FITTED, ENCODED, ROUNDS = 50, 14, 64, 2048, 512, 5


def smooth_chunks(split: str, num: int) -> np.ndarray:
    """Float32 [num, 50, 14] in about [-1, 1]: two slow sines per dim, and a little noise."""
    rng = generator("speed-fast", split)
    shape = (num, 1, DIMS)
    time_s = np.linspace(0, 1, HORIZON)[:, None]
    waves = sum(
        rng.uniform(0.05, 0.5, shape) * np.sin(2 * np.pi * (rng.uniform(0, 1.5, shape) * time_s + rng.random(shape)))
        for _ in range(2)
    )
    return (waves + rng.normal(0, 0.01, (num, HORIZON, DIMS))).astype(np.float32)


class Published:
    """The published algorithm, chunk by chunk."""

    def __init__(self, chunks: np.ndarray):
        coefficients = [self.coefficients(chunk) for chunk in chunks]
        self.low = int(min(row.min() for row in coefficients))
        high = int(max(row.max() for row in coefficients))
        self.bpe = ByteLevelBPETokenizer()
        trainer = BpeTrainer(
            vocab_size=VOCAB_SIZE,
            min_frequency=2,
            show_progress=False,
            # Every byte as well: the public code drops characters with unseen bytes, and then decodes to zeros.
            initial_alphabet=[*map(chr, range(high - self.low + 1)), *pre_tokenizers.ByteLevel.alphabet()],
            max_token_length=10_000,
        )
        self.bpe._tokenizer.train_from_iterator([self.text(row) for row in coefficients], trainer)

    def coefficients(self, chunk: np.ndarray) -> np.ndarray:
        return np.around(np.asarray(scipy.fft.dct(chunk, axis=0, norm="ortho")) * SCALE)

    def text(self, coefficients: np.ndarray) -> str:
        return "".join(map(chr, np.maximum(coefficients.flatten() - self.low, 0).astype(int)))

    def encode(self, chunks: np.ndarray) -> list[list[int]]:
        return [self.bpe.encode(self.text(self.coefficients(chunk))).ids for chunk in chunks]

    def decode(self, rows: Sequence[list[int]]) -> np.ndarray:
        chunks = []
        for ids in rows:
            coefficients = np.array(list(map(ord, self.bpe.decode(ids)))) + self.low
            chunks.append(scipy.fft.idct(coefficients.reshape(HORIZON, DIMS) / SCALE, axis=0, norm="ortho"))
        return np.stack(chunks)


def us_per_chunk(call: Callable, batches: Sequence) -> float:
    """Microseconds per chunk of `call` over all batches: the best of a few rounds, since other load only slows."""
    best_s = np.inf
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        for batch in batches:
            call(batch)
        best_s = min(best_s, time.perf_counter() - began_s)
    return best_s / ENCODED * 1e6


def mean_squared(error: np.ndarray) -> float:
    """The mean squared error to four digits: ours is float32 and scipy's float64, which differ in the eighth."""
    return float(f"{np.mean(np.square(error, dtype=np.float64)):.4g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    fitted, chunks = smooth_chunks("fitted", FITTED), smooth_chunks("coded", ENCODED)  # the names are random keys
    ours, published = Fast.fit(fitted), Published(fitted)
    found: dict[str, float] = {}
    for name, size in (("single", 1), ("batch", BATCH)):
        batches = np.split(chunks, ENCODED // size)
        tokenized, rows = [ours.encode(batch) for batch in batches], [published.encode(batch) for batch in batches]
        us = {
            "encode": us_per_chunk(ours.encode, batches),
            "encode_reference": us_per_chunk(published.encode, batches),
            "decode": us_per_chunk(lambda one: ours.decode(one.tokens, one.valid), tokenized),
            "decode_reference": us_per_chunk(published.decode, rows),
        }
        found |= {f"{name}_{key}_us": round(value, 1) for key, value in us.items()}
        for direction in ("encode", "decode"):
            found[f"{name}_{direction}_ratio"] = round(us[f"{direction}_reference"] / us[direction], 2)
    tokens, rows = ours.encode(chunks), published.encode(chunks)
    decoded = ours.decode(tokens.tokens, tokens.valid)
    assert (decoded.status == Status.OK).all()
    found = {
        "encode_ratio": min(found["single_encode_ratio"], found["batch_encode_ratio"]),
        "decode_ratio": found["batch_decode_ratio"],
        "mse": mean_squared(decoded.chunks - chunks),
        "mse_reference": mean_squared(published.decode(rows) - chunks),
        "tokens": round(float(tokens.valid.sum(1).mean()), 1),
        "tokens_reference": round(float(np.mean([len(ids) for ids in rows])), 1),
        **found,
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:28} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
