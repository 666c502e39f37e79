"""How long pi0 takes for one chunk, with random weights: from tensors on the device to a chunk of 50 actions on it.

For 1, 2 and 3 cameras, p50 and p99 of warm runs of one observation (`--warm-up` runs before are not counted, and the
device is synchronised around each), `processor_ms` of this machine's processor each, and `first_ms` of the first run,
which compiles and captures:

- `uncached`: the language model runs again at each of the ten steps, as it would without a key/value cache;
- `cached`: once per chunk, and its cache is what the action expert attends to at every step: what `praxia` does;
- `compiled`: the same with `--compile kernels` (`policies/compiled.py`);
- `cuda_graph`: the same with `--compile cuda-graph`, on a GPU.

`stages` are parts of `cached` with three cameras: the image encoder, images and language model, and ten steps after
them. The size is the published one on a GPU, in bfloat16, and a miniature of the same parts without one, in float32;
`not_run` says what did not run, and why. `published` are latencies of others: realtime-vla's for 1, 2 and 3 views, and
the paper's (arXiv 2410.24164) for three cameras.

    python speed/pi0.py [--size published|small|miniature] [--runs 100] [--warm-up 10] [--json]
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from heads import measure_ms
from torch import Tensor

from praxia.encoders.public.model import PublicVLM
from praxia.encoders.public.published import find_published
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.flow import Flow
from praxia.nn.device import default_device
from praxia.nn.flow import euler
from praxia.nn.precision import bf16_arithmetic, weights_to_bf16
from praxia.nn.types import Batch, Shapes
from praxia.policies.compiled import Compiled
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.encoder_head_model import EncoderHeadModel, predict
from praxia.recipes.vla_published import pi0_published

PUBLISHED_MS = {
    "realtime-vla, RTX 4090": {"1": 20.0, "2": 27.3, "3": 36.8},
    "realtime-vla, RTX 5090": {"1": 17.6, "2": 24.0, "3": 31.9},
    "pi0's paper, RTX 4090": {"3": 73.0, "images_ms": 14.0, "prefix_ms": 46.0, "sample_ms": 27.0},
}
CAMERAS = ("front", "left", "right")
SHAPES = Shapes(CAMERAS, num_images=3, num_states=1, embodiment_dims=((32, 32),), horizon=50, vocab_size=1)
NUM_TEXT_TOKENS = 20
# Widths and depths alone: the numbers of tokens are those of the published size.
MINIATURE_TEXT = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "head_dim": 32}
MINIATURE_VISION = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": 2}
MINIATURE_EXPERT = {"width": 64, "mlp_width": 128, "num_heads": 4, "head_width": 32}


def build(size: str, device: torch.device) -> EncoderHeadModel:
    """pi0 as its recipe builds it; "small" cuts it to two layers, "miniature" to four narrow ones."""
    model = pi0_published().model
    assert isinstance(model, EncoderHead)
    if size != "published":
        model = cut(model, size)
    with device:
        built = model.build(SHAPES).eval()
    head: Any = built.head
    with torch.no_grad():
        head.denoiser.out.weight.normal_(std=0.02)  # which starts at zero: every part shall matter
    if device.type == "cuda":
        weights_to_bf16(built)
    return built


def cut(model: EncoderHead, size: str) -> EncoderHead:
    encoder, head = model.encoder, model.head
    assert isinstance(encoder, PublicVLM)
    assert isinstance(head, Flow)
    assert isinstance(head.denoiser, ActionExpert)
    config = json.loads(json.dumps(find_published(encoder.model).config))
    text, vision, expert = config["text_config"], config["vision_config"], head.denoiser
    depth = 2 if size == "small" else 4
    if size == "miniature":
        text |= {**MINIATURE_TEXT, "vocab_size": 4096}
        vision |= {**MINIATURE_VISION, "projection_dim": 128}
        config |= {"image_token_id": 4000, "image_token_index": 4000, "hidden_size": 128, "projection_dim": 128}
        expert = replace(expert, **MINIATURE_EXPERT)
    text["num_hidden_layers"] = depth
    if size == "small":
        vision["num_hidden_layers"] = depth
    head = replace(head, denoiser=replace(expert, depth=depth))
    return replace(model, encoder=replace(encoder, fitted=config), head=head)


def observation(model: EncoderHeadModel, views: int, device: torch.device) -> Batch:
    encoder: Any = model.encoder
    image_tokens = torch.full((1, views * encoder.num_tokens), encoder.placeholder)
    text = torch.cat([image_tokens, torch.randint(2, 1000, (1, NUM_TEXT_TOKENS))], dim=1)
    images = {name: torch.randint(0, 256, (1, 1, 3, 224, 224), dtype=torch.uint8) for name in CAMERAS[:views]}
    return Batch(
        images=images,
        image_valid={name: torch.ones(1, 1, dtype=torch.bool) for name in images},
        state=torch.randn(1, 1, 32),
        state_valid=torch.ones(1, 1, dtype=torch.bool),
        text=text,
        text_valid=torch.ones_like(text, dtype=torch.bool),
        embodiment=torch.zeros(1, dtype=torch.int64),
    ).to(device)


def predict_uncached(model: EncoderHeadModel, batch: Batch, noise: Tensor) -> Tensor:
    """The chunk of `predict`, with the encoder in every step."""
    head: Any = model.head

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        return head.denoiser(x, time, head.denoiser.condition(model.encoder(batch)), batch.embodiment)

    with bf16_arithmetic(model):
        return euler(velocity, noise, head.config.num_steps)


class Timer:
    """Times calls on one device: `warm_up` runs that are not counted, then `runs`."""

    def __init__(self, device: torch.device, warm_up: int, runs: int):
        self.device, self.warm_up, self.runs = device, warm_up, runs

    def __call__(self, call: Callable[[], object]) -> dict[str, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        first_ms = measure_ms(call, self.device)
        for _ in range(self.warm_up):
            measure_ms(call, self.device)
        began_s = time.process_time()
        p50, p99 = np.quantile([measure_ms(call, self.device) for _ in range(self.runs)], [0.5, 0.99])
        found = {
            "p50_ms": p50,
            "p99_ms": p99,
            "processor_ms": 1000 * (time.process_time() - began_s) / self.runs,
            "first_ms": first_ms,
        }
        return {name: round(float(value), 2) for name, value in found.items()}


def measure_views(model: EncoderHeadModel, views: int, timer: Timer) -> dict[str, Any]:
    """What one chunk takes, and the largest difference of each way from `cached`, in normalised actions."""
    batch = observation(model, views, timer.device)
    noise = torch.randn(1, *model.noise_shape, device=timer.device)
    compiled = Compiled(model, "kernels", (1,))
    ways: dict[str, Callable[[], Tensor]] = {
        "uncached": lambda: predict_uncached(model, batch, noise),
        "cached": lambda: predict(model, batch, noise),
        "compiled": lambda: compiled.predict(batch, noise),
    }
    if timer.device.type == "cuda":
        graphed = Compiled(model, "cuda-graph", (1,))
        ways["cuda_graph"] = lambda: graphed.predict(batch, noise)
    expected = predict(model, batch, noise)
    found: dict[str, Any] = {name: timer(way) for name, way in ways.items()}
    for name, way in ways.items():
        found[name]["difference"] = float(f"{(way() - expected).abs().max():.1e}")
    return {"uncached": None, "cached": None, "compiled": None, "cuda_graph": None} | found


def measure_stages(model: EncoderHeadModel, timer: Timer) -> dict[str, float]:
    batch = observation(model, 3, timer.device)
    encoder: Any = model.encoder
    head = model.head
    noise = torch.randn(1, *head.noise_shape, device=timer.device)
    with bf16_arithmetic(model):
        context = encoder(batch)
        stages = {
            "images_ms": lambda: [encoder.image_tokens(one) for one in batch.images.values()],
            "prefix_ms": lambda: encoder(batch),
            "sample_ms": lambda: head.sample(context, noise, batch.embodiment),
        }
        return {name: timer(stage)["p50_ms"] for name, stage in stages.items()}


@torch.no_grad()
def measure(size: str | None, runs: int, warm_up: int) -> dict[str, Any]:
    torch.manual_seed(0)
    device = torch.device(default_device())
    on_gpu = device.type == "cuda"
    size = size or ("published" if on_gpu else "miniature")
    model, timer = build(size, device), Timer(device, warm_up, runs)
    not_run = {} if on_gpu else {"cuda_graph": "no GPU here", "bfloat16": "no GPU here"}
    if size != "published":
        not_run["published size"] = f"--size {size}" if on_gpu else "no GPU here; --size published runs it anyway"
    return {
        "size": size,
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "arithmetic": "bfloat16" if on_gpu else "float32",
        "parameters": sum(value.numel() for value in model.parameters()),
        "runs": runs,
        "warm_up": warm_up,
        "views": {str(views): measure_views(model, views, timer) for views in (1, 2, 3)},
        "stages": measure_stages(model, timer),
        "not_run": not_run,
        "published": PUBLISHED_MS,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=["published", "small", "miniature"])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(options.size, options.runs, options.warm_up)
    if options.json:
        print(json.dumps(found))
        return
    for views, ways in found.pop("views").items():
        for way, row in ways.items():
            print(f"{views} views  {way:11s} {'not run' if row is None else row}")
    print("\n".join(f"{name:12s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
