"""Training speed beside the `lerobot` package's: the same ACT and Diffusion Policy, from disk to the optimiser."""

import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from praxia.encoders.resnet_grid import ResNetGrid
from praxia.heads.act import ACT
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes.known_published import act_published, diffusion_policy_unet_published
from praxia.training import engine
from praxia.training.config import TrainRun
from praxia.training.measured_step import Cost
from praxia.training.plan import Plan

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "peers"))

from lerobot_environment import FOLDER, peer, run_inside
from reaching_arm import record

__all__ = ["FOLDER", "compare"]

EPISODES = range(12)


@dataclass(frozen=True)
class Case:
    """One policy on both sides: our recipe and the package's options, at an image size and a batch."""

    run: TrainRun
    kind: str
    options: dict[str, Any]
    size: int
    batch_size: int


def cases() -> dict[str, Case]:
    """ACT and Diffusion Policy at published size, and an ACT so small that loading counts."""
    act, diffusion = act_published(), diffusion_policy_unet_published()
    scratch = {"pretrained_backbone_weights": None}
    assert isinstance(act.model, EncoderHead)
    encoder, head = act.model.encoder, act.model.head
    assert isinstance(encoder, ResNetGrid)
    assert isinstance(head, ACT)
    small_head = replace(head, width=128, mlp_width=512, num_heads=4, encoder_depth=2)
    small_model = replace(act.model, encoder=replace(encoder, detr_width=128), head=small_head)
    small = {"dim_model": 128, "dim_feedforward": 512, "n_heads": 4, "n_encoder_layers": 2, "n_vae_encoder_layers": 2}
    published = {"use_separate_rgb_encoder_per_camera": True, "crop_shape": [196, 196]}
    return {
        "act_of_peer": Case(act, "act", scratch, 224, 8),
        "diffusion_of_peer": Case(replace(diffusion, image_size=None), "diffusion", published, 224, 8),
        "small_of_peer": Case(replace(act, model=small_model), "act", {**scratch, **small}, 96, 64),
    }


def compare(venv: Path, steps: int, warm_up: int) -> dict[str, float]:
    """Samples per second of ours and of the package's, and their ratio, for each case.

    Both read the same data set, recorded by our writer, with one process or thread that reads ahead, and compute on one
    thread. The first `warm_up` steps do not count. "small_peer_in_memory_samples_per_s" is the package's speed with all
    samples in memory before: what it could gain from faster loading.

    Raises:
        ValueError: the two networks have different numbers of parameters.
    """
    python, found = peer(venv), dict[str, float]()
    for name, case in cases().items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            record(folder / "set", EPISODES, case.size)
            theirs, parameters = _theirs(python, folder, case, steps, warm_up)
            mine, own = _ours(folder, case, steps, warm_up)
            if own != parameters:
                raise ValueError(f"{name}: expected two networks of one size, got {own} and {parameters} parameters")
            if name.startswith("small"):
                in_memory, _ = _theirs(python, folder, case, steps, warm_up, in_memory=True)
                found["small_peer_in_memory_samples_per_s"] = round(in_memory, 2)
        found[name] = round(mine / theirs, 2)
        found[name.replace("_of_peer", "_samples_per_s")] = round(mine, 2)
        found[name.replace("_of_peer", "_peer_samples_per_s")] = round(theirs, 2)
        print({one: value for one, value in found.items() if one.startswith(name.split("_")[0])}, file=sys.stderr)
    return found


def _theirs(
    python: Path, folder: Path, case: Case, steps: int, warm_up: int, *, in_memory: bool = False
) -> tuple[float, int]:
    """Samples per second, and the number of parameters."""
    request = {
        "data": str(folder / "set"),
        "test": None,
        "kind": case.kind,
        "options": case.options,
        "steps": warm_up + steps,
        "warm_up": warm_up,
        "batch_size": case.batch_size,
        "learning_rate": case.run.train.learning_rate,
        "seeds": [0],
        "workers": 1,
        "in_memory": in_memory,
    }
    response = run_inside(python, "lerobot_trains.py", folder, request)
    return response["rows"][0]["samples_per_s"], response["parameters"]


def _ours(folder: Path, case: Case, steps: int, warm_up: int) -> tuple[float, int]:
    """Samples per second, and the number of parameters."""
    times_s: dict[int, float] = {}
    parameters: list[int] = []

    def progress(step: int, loss: float | None) -> None:
        times_s[step] = time.perf_counter()

    def announce(part: Plan | Cost) -> None:
        if isinstance(part, Plan):
            parameters.append(part.parameters)

    train = replace(case.run.train, steps=warm_up + steps, batch_size=case.batch_size, checkpoint_s=1e9)
    run = replace(case.run, train=train)
    data, out = [folder / "set"], folder / "run"
    engine.train(run, data, out, recipe="speed", command="", progress=progress, announce=announce)
    return steps * case.batch_size / (times_s[warm_up + steps] - times_s[warm_up]), parameters[0]
