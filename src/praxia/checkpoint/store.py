"""A policy as a folder: `policy.json` (config, shapes, transforms, embodiments, window) and `weights.safetensors`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from praxia.checkpoint.migration import STEPS, migrate
from praxia.core.config import Part, part_from_json, part_to_json
from praxia.core.errors import DataError, PraxiaError
from praxia.core.files import sha256_file, staged_folder
from praxia.core.registry import lookup, names
from praxia.core.types import Embodiment, Window
from praxia.encoders import ENCODERS
from praxia.heads import HEADS
from praxia.heads.denoisers import DENOISERS
from praxia.nn.types import Shapes
from praxia.policies.composed import Composed, LearnedPolicy
from praxia.transforms.chain import Transforms

__all__ = [
    "SCHEMA",
    "PolicyConfig",
    "choose_device",
    "find_part",
    "load_policy",
    "policy_folder",
    "read_config",
    "save_policy",
]

SCHEMA = 4


@dataclass(frozen=True)
class PolicyConfig:
    """All of a policy but its weights. `provenance` says which run and data made it.

    `shapes.bodies` and `transforms.bodies` are in the order of `embodiments`, which numbers them. `masked` says whether
    images and states that are not valid are hidden from the network; those of policies of schema 3 were not.
    """

    model: Composed
    shapes: Shapes
    transforms: Transforms
    embodiments: tuple[Embodiment, ...]
    window: Window
    provenance: Mapping[str, Any]
    masked: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "model": part_to_json(self.model),
            "shapes": asdict(self.shapes),
            "transforms": self.transforms.to_json(),
            "embodiments": [body.to_json() for body in self.embodiments],
            "window": self.window.to_json(),
            "masked": self.masked,
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PolicyConfig":
        model, shapes = part_from_json(value["model"], find_part), value["shapes"]
        assert isinstance(model, Composed), model
        sizes = {"cameras": tuple(shapes["cameras"]), "bodies": tuple(map(tuple, shapes["bodies"]))}
        return cls(
            model=model,
            shapes=Shapes(**{**shapes, **sizes}),
            transforms=Transforms.from_json(value["transforms"]),
            embodiments=tuple(map(Embodiment.from_json, value["embodiments"])),
            window=Window.from_json(value["window"]),
            provenance=value["provenance"],
            masked=value["masked"],
        )

    def build(self, weights: Mapping[str, Tensor], device: str = "cpu") -> LearnedPolicy:
        """The policy with `weights` (as `load_file` gives them) on `device`."""
        model = self.model.build(self.shapes)
        model.load_state_dict(dict(weights))
        return LearnedPolicy(model.to(device), self.transforms, self.embodiments, self.window, masked=self.masked)


def find_part(tag: str) -> type[Part]:
    """The config class of a registered encoder, head or model."""
    if tag == Composed.tag:
        return Composed
    rooms = {"heads": HEADS, "denoisers": DENOISERS, "encoders": ENCODERS}
    room = next((room for room, table in rooms.items() if tag in names(room, table)), "encoders")
    return lookup(room, rooms[room], tag, kind="part", listing="praxia recipes")


def save_policy(folder: Path, config: PolicyConfig, weights: Mapping[str, Tensor]) -> str:
    """Write a policy whole and return the SHA-256 of its weights file."""
    with staged_folder(folder) as stage:
        path = stage / "weights.safetensors"
        save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, path)
        digest = sha256_file(path)
        text = json.dumps({**config.to_json(), "weights_sha256": digest}, indent=1)
        (stage / "policy.json").write_text(text)
    return digest


def policy_folder(path: Path) -> Path:
    """The folder with `policy.json`: `path` itself or the `policy` folder of a training run.

    Raises:
        PraxiaError: when neither holds a policy.
    """
    for folder in (path, path / "policy"):
        if (folder / "policy.json").is_file():
            return folder
    state = (
        "an unfinished training run (go on with `praxia train ... --resume`)" if (path / "run.json").exists() else ""
    )
    raise PraxiaError(f"expected a policy at {path}, got {state or 'no policy.json'}; `praxia train` writes one")


def read_config(path: Path) -> tuple[PolicyConfig, str]:
    """A policy's config and its weights' SHA-256, without loading the weights."""
    value = json.loads((policy_folder(path) / "policy.json").read_text())
    if value.get("schema") in STEPS:
        value = migrate(value)
    if value.get("schema") != SCHEMA:
        raise PraxiaError(
            f"expected a policy of schema {SCHEMA} at {path}, got {value.get('schema')}; "
            "train it anew with `praxia train` or use the version of Praxia that wrote it"
        )
    return PolicyConfig.from_json(value), value["weights_sha256"]


def load_policy(path: Path, device: str = "cpu") -> tuple[LearnedPolicy, str]:
    """A policy ready to act, and its weights' SHA-256.

    Raises:
        DataError: when the weights are not the ones that were saved.
    """
    config, digest = read_config(path)
    weights = policy_folder(path) / "weights.safetensors"
    if not weights.is_file() or sha256_file(weights) != digest:
        raise DataError(f"{weights} is missing or differs from what was saved (SHA-256); copy the folder again")
    return config.build(load_file(weights, device=device), device), digest


def choose_device() -> str:
    """The accelerator where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"
