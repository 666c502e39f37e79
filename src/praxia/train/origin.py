"""The policy that a run goes on from instead of fresh weights: fine-tuning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from praxia.checkpoint.identity import Identity
from praxia.checkpoint.store import load_weights, read_config
from praxia.core.errors import MismatchError
from praxia.core.types import Embodiment
from praxia.policies.composed import Composed
from praxia.train.config import TrainRun
from praxia.transforms.chain import Transforms

__all__ = ["Origin", "read_origin"]


@dataclass(frozen=True)
class Origin:
    """A policy's model and weights, and the transforms by which they understand states, actions and words."""

    path: Path
    model: Composed
    weights: Mapping[str, Tensor]
    identity: Identity
    transforms: Transforms

    def to_json(self) -> dict[str, Any]:
        return {"path": str(self.path), **self.identity.to_json()}


def read_origin(path: Path, run: TrainRun, bodies: Sequence[Embodiment]) -> Origin:
    """The policy at `path`, for a run on data of `bodies`, which take the places of its own in their order.

    A body that the policy was trained on keeps its place.

    Raises:
        PraxiaError: no policy there. DataError: it is not what was saved.
        MismatchError: another model or window, bodies whose states or actions mean something else, or actions that are
            relative in one and absolute in the other.
    """
    config, identity = read_config(path)
    ours = {
        "model": run.model.unfitted(),
        "window": run.window,
        "bodies": _meanings(bodies),
        "relative actions": run.relatives(bodies),
    }
    theirs = {
        "model": config.model.unfitted(),
        "window": config.window,
        "bodies": _meanings(config.embodiments),
        "relative actions": tuple(body.relative for body in config.transforms.bodies),
    }
    different = [name for name in ours if ours[name] != theirs[name]]
    known = [body.name for body in config.embodiments]
    if any(body.name in known and known[at : at + 1] != [body.name] for at, body in enumerate(bodies)):
        different.append("order of bodies")
    if different:
        raise MismatchError(
            f"the policy at {path} cannot be fine-tuned here: its {' and '.join(different)} differ from this run's "
            f"(it was made by {config.provenance.get('recipe')!r} for "
            f"{', '.join(body.name for body in config.embodiments)}); see `praxia info {path}`"
        )
    weights = load_weights(path, identity)
    return Origin(path, run.model.fitted_as(config.model), weights, identity, config.transforms)


def _meanings(bodies: Sequence[Embodiment]) -> list[object]:
    return [(body.state, body.action, body.control_hz) for body in bodies]
