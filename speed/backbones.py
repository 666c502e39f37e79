"""The cost of a training step of ACT by what sees: a frozen or tuned DINOv2-small, or its own ResNet-18.

Weights are random and of the published sizes; batches of 8 images of 224 px from one camera, chunks of 16, one thread.
`step_s` is the least CPU time of `--runs` steps, `state` the numbers that AdamW keeps.

    python speed/backbones.py [--runs 4] [--json]
"""

import argparse
import json
import time

import torch

from praxia.encoders.backbone import BackboneGrid
from praxia.encoders.public.vision import DINOV2_SMALL
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.heads.act import ACT
from praxia.nn.types import Batch, EncoderConfig, Pretrained, Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.training.config import Train
from praxia.training.optimizer import make_optimizer

ROWS = 8
SHAPES = Shapes(("top",), num_images=1, num_states=1, embodiment_dims=((6, 6),), horizon=16, vocab_size=64)
ENCODERS: dict[str, EncoderConfig] = {
    "dinov2-small, frozen": BackboneGrid(trained="nothing", fitted=DINOV2_SMALL),
    "dinov2-small, tuned": BackboneGrid(trained="all", fitted=DINOV2_SMALL),
    "resnet-18": ResNetGrid(channels=(64, 128, 256, 512)),
}


def make_batch() -> Batch:
    return Batch(
        images={"top": torch.randint(0, 256, (ROWS, 1, 3, 224, 224), dtype=torch.uint8)},
        image_valid={"top": torch.ones(ROWS, 1, dtype=torch.bool)},
        state=torch.randn(ROWS, 1, 6),
        state_valid=torch.ones(ROWS, 1, dtype=torch.bool),
        text=torch.randint(2, 64, (ROWS, 8)),
        text_valid=torch.ones(ROWS, 8, dtype=torch.bool),
        embodiment=torch.zeros(ROWS, dtype=torch.int64),
        action=torch.randn(ROWS, 16, 6),
        action_valid=torch.ones(ROWS, 16, dtype=torch.bool),
    )


def measure(encoder: EncoderConfig, runs: int) -> dict[str, float]:
    torch.manual_seed(0)
    model: EncoderHeadModel = EncoderHead(encoder, ACT()).build(SHAPES)
    if isinstance(model.encoder, Pretrained):
        model.encoder.adapt()
    optimizer, batch, seconds = make_optimizer(model, Train()), make_batch(), []
    for step in range(runs):
        began_s = time.process_time()
        optimizer.zero_grad()
        model.loss(batch, torch.Generator().manual_seed(step))[0].backward()
        optimizer.step()
        seconds.append(time.process_time() - began_s)
    state = sum(value.numel() for entry in optimizer.state.values() for value in entry.values())
    parameters = sum(value.numel() for value in model.parameters())
    return {"step_s": round(min(seconds), 3), "parameters": parameters, "state": state}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {name: measure(encoder, options.runs) for name, encoder in ENCODERS.items()}
    if options.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name:24s} " + "  ".join(f"{key} {value:,}" for key, value in row.items()))


if __name__ == "__main__":
    main()
