"""The cost of one chunk of pi0 at its published size, by stage, with random weights and three cameras.

`images_ms` is the image encoder alone, `prefix_ms` images and language model, `sample_ms` the ten steps of the action
expert after them, and `chunk_ms` everything: medians of warm runs of one observation; `cold_ms` is the first run. On an
accelerator in bfloat16, where the ten steps are also compiled and captured as a graph (`compiled_ms` for everything,
after `compile_s` once). Published for an RTX 4090 with three cameras (arXiv 2410.24164): 14 ms images, 32 ms prefix,
27 ms for ten steps, 73 ms in total.

    python speed/pi0.py [--size published|small] [--runs 10] [--json]
"""

import argparse
import json
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from heads import measure_ms

from praxia.encoders.public.model import PublicVLM
from praxia.encoders.public.published import find_published
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.flow import Flow
from praxia.nn.device import default_device
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead, EncoderHeadModel
from praxia.recipes.vla_published import pi0_published

PUBLISHED_MS = {"images_ms": 14.0, "prefix_ms": 46.0, "sample_ms": 27.0, "chunk_ms": 73.0}
SHAPES = Shapes(
    ("front", "left", "right"), num_images=3, num_states=1, embodiment_dims=((32, 32),), horizon=50, vocab_size=1
)
NUM_TEXT_TOKENS = 20


def build(size: str, device: torch.device) -> EncoderHeadModel:
    """pi0 as its recipe builds it, or with its language model and action expert cut to two layers."""
    model = pi0_published().model
    assert isinstance(model, EncoderHead)
    encoder, head = model.encoder, model.head
    assert isinstance(encoder, PublicVLM)
    assert isinstance(head, Flow)
    if size == "small":
        config = json.loads(json.dumps(find_published(encoder.model).config))
        config["vision_config"]["num_hidden_layers"] = config["text_config"]["num_hidden_layers"] = 2
        assert isinstance(head.denoiser, ActionExpert)
        small = replace(head, denoiser=replace(head.denoiser, depth=2))
        model = replace(model, encoder=replace(encoder, fitted=config), head=small)
    with device:
        built = model.build(SHAPES).eval()
    return built.bfloat16() if device.type == "cuda" else built


def observation(model: EncoderHeadModel, device: torch.device) -> Batch:
    encoder: Any = model.encoder
    num_image_tokens = SHAPES.num_images * encoder.num_tokens
    image_tokens = torch.full((1, num_image_tokens), encoder.placeholder)
    text = torch.cat([image_tokens, torch.randint(2, 1000, (1, NUM_TEXT_TOKENS))], dim=1)
    images = {name: torch.randint(0, 256, (1, 1, 3, 224, 224), dtype=torch.uint8) for name in SHAPES.cameras}
    return Batch(
        images=images,
        image_valid={name: torch.ones(1, 1, dtype=torch.bool) for name in images},
        state=torch.randn(1, 1, 32).to(encoder.readout_token.dtype),
        state_valid=torch.ones(1, 1, dtype=torch.bool),
        text=text,
        text_valid=torch.ones_like(text, dtype=torch.bool),
        embodiment=torch.zeros(1, dtype=torch.int64),
    ).to(device)


@torch.inference_mode()
def measure(size: str, runs: int) -> dict[str, Any]:
    torch.manual_seed(0)
    device = torch.device(default_device())
    model = build(size, device)
    batch = observation(model, device)
    encoder: Any = model.encoder
    head: Any = model.head
    noise = torch.randn(1, *head.noise_shape, device=device, dtype=encoder.readout_token.dtype)
    cold = measure_ms(lambda: model.sample(batch, noise), device)
    context = encoder(batch)
    stages = {
        "images_ms": lambda: [encoder.image_tokens(one) for one in batch.images.values()],
        "prefix_ms": lambda: encoder(batch),
        "sample_ms": lambda: head.sample(context, noise, batch.embodiment),
        "chunk_ms": lambda: model.sample(batch, noise),
    }
    warm = {name: median(measure_ms(stage, device) for _ in range(runs)) for name, stage in stages.items()}
    found = {"cold_ms": cold, **warm}
    if device.type == "cuda":
        sample = torch.compile(head.sample, mode="reduce-overhead")
        fast = lambda: sample(encoder(batch), noise, batch.embodiment)  # noqa: E731
        found["compile_s"] = sum(measure_ms(fast, device) for _ in range(3)) / 1000
        found["compiled_ms"] = median(measure_ms(fast, device) for _ in range(runs))
    return {
        "size": size,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "dtype": str(encoder.readout_token.dtype),
        "parameters": sum(value.numel() for value in model.parameters()),
        **{name: round(value, 2) for name, value in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=["published", "small"], default="published")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(options.size, options.runs)
    found["published"] = PUBLISHED_MS
    print(json.dumps(found) if options.json else "\n".join(f"{name:12s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
