"""The policy that a run goes on from instead of fresh weights: fine-tuning."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from praxia.checkpoint.identity import Identity
from praxia.checkpoint.store import PolicyConfig, load_weights, read_config
from praxia.core.dims import difference
from praxia.core.errors import MismatchError
from praxia.core.types import Embodiment
from praxia.policies.composed import Composed, ComposedModel
from praxia.train.config import TrainRun
from praxia.transforms.chain import BodyTransforms, Transforms

__all__ = ["Origin", "read_origin"]


@dataclass(frozen=True)
class Origin:
    """A policy's model and weights, and the transforms by which they understand states, actions and words.

    `refit`: normalisers, and a tokenizer, are not the policy's own but fitted on the new data.
    """

    path: Path
    model: Composed
    weights: Mapping[str, Tensor]
    identity: Identity
    transforms: Transforms
    refit: bool = False

    def refitted(
        self,
        run: TrainRun,
        bodies: tuple[BodyTransforms, ...],
        chunks: Callable[[Transforms], Float32[np.ndarray, "B H A"]],
    ) -> "Origin":
        """With the normalisers of `bodies` and, where the head has one, a tokenizer fitted on the `chunks` they give.

        The vocabulary of instructions stays: it is the weights' own.
        """
        transforms = replace(self.transforms, bodies=bodies)
        model = run.model.refitted_as(self.model, lambda: chunks(transforms))
        return replace(self, model=model, transforms=transforms, refit=True)

    def weights_for(self, model: ComposedModel) -> Mapping[str, Tensor]:
        """The weights to begin with; layers for tokens of which a refitted tokenizer has another number begin fresh."""
        fresh = model.state_dict()
        kept = {name: value for name, value in self.weights.items() if value.shape == fresh[name].shape}
        return {**fresh, **kept} if self.refit else self.weights

    def to_json(self) -> dict[str, Any]:
        return {"path": str(self.path), **self.identity.to_json(), "refit": self.refit}


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
    _expect_one_order(path, config, bodies)
    weights = load_weights(path, identity)
    return Origin(path, run.model.fitted_as(config.model), weights, identity, config.transforms)


def _expect_one_order(path: Path, config: PolicyConfig, bodies: Sequence[Embodiment]) -> None:
    """Bodies whose fields are equal may still have their joints in two orders. Another body may have other joints."""
    for trained, body in zip(config.embodiments, bodies, strict=True):
        found = difference(trained, body)
        if found and (found.reordered or trained.name == body.name):
            raise MismatchError(
                f"the policy at {path} cannot be fine-tuned here: embodiment {body.name!r} has other numbers in its "
                f"data than in this run's: {found.text}; `praxia data edit reorder DIR --like {_data_of(config)} --out "
                "NEW` gives both one order"
            )


def _data_of(config: PolicyConfig) -> str:
    """The data set that a policy was trained on, the first of several."""
    return next((one["path"] for one in config.provenance.get("data", ())), "OTHER")


def _meanings(bodies: Sequence[Embodiment]) -> list[object]:
    return [(body.state, body.action, body.control_hz) for body in bodies]
