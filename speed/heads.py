"""The cost of one action chunk for one observation, by head and stage.

All compatible heads have their default size and share a vision-language encoder (two cameras of 64 px, chunks of 16 of
7 dims). `cold_ms` is the first chunk of a fresh model, `encode_ms` the encoder alone, `sample_ms` the head alone, and
`chunk_ms` both together: medians of the warm runs, on one thread of the CPU or on the accelerator. `of_regression` is
`chunk_ms` relative to that of the regression head in the same run.

    python speed/heads.py [--runs 20] [--json]
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from praxia.nn.device import default_device
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.pairs import PAIRED_ENCODERS, PAIRED_HEADS, find_pairs

SHAPES = Shapes(("front", "wrist"), num_images=2, num_states=1, embodiment_dims=((7, 7),), horizon=16, vocab_size=512)
NUM_TOKENS = 12


def observation(device: torch.device) -> Batch:
    images = {name: torch.randint(0, 256, (1, 1, 3, 64, 64), dtype=torch.uint8) for name in SHAPES.cameras}
    return Batch(
        images=images,
        image_valid={name: torch.ones(1, 1, dtype=torch.bool) for name in images},
        state=torch.randn(1, 1, 7),
        state_valid=torch.ones(1, 1, dtype=torch.bool),
        text=torch.randint(2, SHAPES.vocab_size, (1, NUM_TOKENS)),
        text_valid=torch.ones(1, NUM_TOKENS, dtype=torch.bool),
        embodiment=torch.zeros(1, dtype=torch.int64),
    ).to(device)


def measure_ms(call: Callable[[], object], device: torch.device) -> float:
    began_s = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began_s)


def smooth_chunks() -> np.ndarray:
    """Chunks to fit action tokenizers on: sines of several speeds."""
    rng = np.random.default_rng(0)
    phase, speed = rng.uniform(0, 6, (512, 1, 7)), rng.uniform(0.05, 0.4, (512, 1, 7))
    return np.sin(phase + speed * np.arange(16)[:, None]).astype(np.float32)


@torch.inference_mode()
def measure_head(head: str, runs: int, device: torch.device) -> dict[str, float]:
    torch.manual_seed(0)
    config = EncoderHead(PAIRED_ENCODERS["vision-language"], PAIRED_HEADS[head]).fit(smooth_chunks)
    model, batch = config.build(SHAPES).to(device).eval(), observation(device)
    head_module: Any = model.head
    noise = torch.randn(1, *head_module.noise_shape, device=device)
    cold = measure_ms(lambda: model.sample(batch, noise), device)
    context = model.encoder(batch)
    stages = {
        "encode_ms": lambda: model.encoder(batch),
        "sample_ms": lambda: head_module.sample(context, noise, batch.embodiment),
        "chunk_ms": lambda: model.sample(batch, noise),
    }
    warm = {name: median(measure_ms(stage, device) for _ in range(runs)) for name, stage in stages.items()}
    found = {"cold_ms": cold, **warm}
    return {name: round(value, 2) for name, value in found.items()} | {
        "parameters": sum(value.numel() for value in model.head.parameters())
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(default_device())
    missing = find_pairs().missing
    compatible = [head for (encoder, head), lack in missing.items() if encoder == "vision-language" and not lack]
    heads = {head: measure_head(head, options.runs, device) for head in compatible}
    for row in heads.values():
        row["of_regression"] = round(row["chunk_ms"] / heads["regression"]["chunk_ms"], 2)
    if options.json:
        print(json.dumps({"device": device.type, "heads": heads}))
        return
    for head, row in heads.items():
        print(f"{head:32s} " + "  ".join(f"{name} {value:,.2f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
