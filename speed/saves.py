"""What saving states costs training: how long it stops for copies, and how much slower steps are while others write.

A transformer of about `--millions` parameters takes steps on random rows, first without saving and then saving as often
as `training.saving.Saver` allows. With `--processes 2` or more they share its weights (FSDP, gloo) and each writes its
part. Per process: `stopped` is the share of the time that copies took, `step_s` and `saving_step_s` are medians, and
`built_mb` and `peak_mb` are the memory that the model had taken when it was sharded, and the most that the process had.

    python speed/saves.py [--millions 100] [--processes 2] [--seconds 60] [--out DIR] [--json]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from praxia.core.memory import resident_memory
from praxia.nn.ema import Ema
from praxia.nn.stack import AttentionConfig, Stack
from praxia.nn.types import Batch
from praxia.training.config import Train
from praxia.training.fabric import launched_fabric
from praxia.training.parts import WHOLE, Part
from praxia.training.saving import Saver
from praxia.training.sharding import build_whole_once, shards
from praxia.training.state import TrainState
from praxia.training.step import DefaultUpdate, take_step

WIDTH, STATES, ROWS, TOKENS = 512, 32, 4, 16
PER_LAYER = WIDTH * WIDTH * (2 + 2 + 3 * 4)  # of attention and of the gated MLP


class Layers(nn.Module):
    """Predicts the next state of a row from its states."""

    def __init__(self, millions: float):
        super().__init__()
        depth = max(1, round(millions * 1e6 / PER_LAYER))
        self.state_in = nn.Linear(STATES, WIDTH)
        self.stack = Stack(WIDTH, 4 * WIDTH, AttentionConfig(depth, num_heads=8, num_kv_heads=8, head_width=64))
        self.out = nn.Linear(WIDTH, STATES)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        hidden, _ = self.stack(self.state_in(batch.state), batch.state_valid, torch.arange(TOKENS))
        return (self.out(hidden)[:, :-1] - batch.state[:, 1:]).square().mean(), {}


def rows() -> Batch:
    return Batch(
        images={},
        image_valid={},
        state=torch.randn(ROWS, TOKENS, STATES),
        state_valid=torch.ones(ROWS, TOKENS, dtype=torch.bool),
        text=torch.zeros(ROWS, 1, dtype=torch.int64),
        text_valid=torch.ones(ROWS, 1, dtype=torch.bool),
        embodiment=torch.zeros(ROWS, dtype=torch.int64),
    )


def measure(millions: float, seconds: float, out: Path) -> dict[str, Any]:
    """The numbers of this process."""
    torch.set_num_threads(1)
    options = Train(strategy="fsdp", precision="32-true", shift_px=0, warmup_steps=1)
    fabric = launched_fabric(options, "cpu")
    before = resident_memory()
    torch.manual_seed(0)
    model = build_whole_once(fabric, lambda first: Layers(millions)) if shards(fabric) else Layers(millions)
    num_parameters = sum(one.numel() for one in model.parameters())
    update = DefaultUpdate(fabric, model, options)
    built = resident_memory() - before
    ema = Ema(model, 0.999)
    part = Part(fabric.global_rank, fabric.world_size) if shards(fabric) else WHOLE
    state = TrainState(out / "state", model, ema, update.optimizers, dict, part)
    steps = [0]

    def step() -> float:
        began_s = time.perf_counter()
        take_step(fabric, options, update, (rows(), None), steps[0])
        ema.update(model, steps[0])
        steps[0] += 1
        return time.perf_counter() - began_s

    def until(end_s: float) -> bool:
        """Whether every process goes on: the first has the clock."""
        return bool(
            fabric.all_reduce(
                torch.tensor(float(fabric.is_global_zero and time.perf_counter() < end_s)), reduce_op="sum"
            )
        )

    step()
    quiet, saving, copies = [], [], []
    end_s = time.perf_counter() + seconds / 3
    while until(end_s):
        quiet.append(step())
    began_s = time.perf_counter()
    with Saver(state, 0.0) as saver:
        while until(began_s + seconds):
            saving.append(step())
            if bool(fabric.all_reduce(torch.tensor(float(fabric.is_global_zero and saver.due())), reduce_op="sum")):
                copying_s = time.perf_counter()
                saver.save(steps[0])
                copies.append(time.perf_counter() - copying_s)
        total_s = time.perf_counter() - began_s
    return {
        "parameters": num_parameters,
        "states": len(copies),
        "stopped": sum(copies) / total_s,
        "copy_s": median(copies),
        "step_s": median(quiet),
        "saving_step_s": median(saving),
        "built_mb": built / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=100.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if "LOCAL_RANK" in os.environ:
        found = measure(options.millions, options.seconds, options.out)
        (options.out / f"{os.environ['RANK']}.json").write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        own = [__file__, "--millions", str(options.millions), "--seconds", str(options.seconds), "--out", folder]
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(options.processes)]
        subprocess.run([sys.executable, *launch, *own], check=True)
        found = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    if options.json:
        print(json.dumps(found))
        return
    for number, one in enumerate(found):
        print(f"process {number}: " + ", ".join(f"{name} {value:.4g}" for name, value in one.items()))


if __name__ == "__main__":
    main()
