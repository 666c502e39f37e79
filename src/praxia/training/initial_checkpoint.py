"""The policy whose weights a run begins with: fine-tuning."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from praxia.checkpoint.identity import PolicyIdentity
from praxia.checkpoint.store import PolicyConfig, load_weights, read_config
from praxia.core.embodiment import Embodiment, dim_name_difference
from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.labelling import has_codes
from praxia.data.generation import GENERATION
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.nn.trainable import BuildsOn, FitsData, ModelConfig
from praxia.nn.types import Shapes
from praxia.training.config import TrainRun
from praxia.transforms.chain import EmbodimentTransforms, Transforms

__all__ = ["InitialCheckpoint", "adapt_to_data", "read_initial_checkpoint"]


@dataclass(frozen=True)
class InitialCheckpoint:
    """A policy's model and transforms. `refit`: normalisers and tokenizer are fitted on the new data.

    `part`: the weights are those of the part of this name of the model to train (`nn.trainable.BuildsOn`).
    `generation` is that of the data behind it (`data.generation`). `other_actions`: its actions are codes, and the new
    data's are not; `wider` is then the model fitted on actions with a dim more.
    """

    path: Path
    model: ModelConfig
    identity: PolicyIdentity
    transforms: Transforms
    refit: bool = False
    part: str | None = None
    generation: int = 0
    other_actions: bool = False
    wider: ModelConfig | None = None
    # The runs that a part's weights come from, each with "data" and "held_out" as in its `run.json`.
    part_runs: tuple[Mapping[str, Any], ...] = ()

    def refitted(
        self,
        run: TrainRun,
        embodiments: tuple[EmbodimentTransforms, ...],
        chunks: Callable[[Transforms], Float32[np.ndarray, "B H A"]],
    ) -> "InitialCheckpoint":
        """With the normalisers of `embodiments` and, if the head has one, a tokenizer fitted on the `chunks` they give.

        The tokenizer of instructions stays, because the weights depend on it.
        """
        transforms = replace(self.transforms, embodiments=embodiments)
        model, wider = run.model, run.model if self.other_actions else None
        if isinstance(model, FitsData):
            model = model.refitted_as(self.model, lambda: chunks(transforms))
        if isinstance(wider, FitsData):
            wider = wider.refitted_as(self.model, lambda: np.pad(chunks(transforms), ((0, 0), (0, 0), (0, 1))))
        return replace(self, model=model, transforms=transforms, refit=True, wider=wider)

    def weights_for(self, model: nn.Module, shapes: Shapes) -> Mapping[str, Tensor]:
        """The weights to begin with, for a `model` of `shapes`, read now.

        Layers as large as a refitted tokenizer's vocabulary begin fresh, and so does what is built on a part. Where
        other actions take the place of codes, so do all layers whose size depends on the number of actions.

        Raises:
            DataError: they are not what was saved. MismatchError: the part has other sizes here.
        """
        weights = load_weights(self.path, self.identity)
        if not self.refit and self.part is None:
            return weights
        fresh = model.state_dict()
        if self.part is not None:
            part = {f"{self.part}.{name}": value for name, value in weights.items()}
            if wrong := [name for name in part if name not in fresh or fresh[name].shape != part[name].shape]:
                raise MismatchError(
                    f"the weights of {self.path} do not fit into {self.part!r}, the first {wrong[0]!r}: it was trained"
                    " with other cameras or actions than this run has"
                )
            return {**fresh, **part}
        kept = {name: value for name, value in weights.items() if value.shape == fresh[name].shape}
        if self.wider is not None:
            dims = tuple((state, action + 1) for state, action in shapes.embodiment_dims)
            with torch.device("meta"):
                wider = self.wider.build(replace(shapes, embodiment_dims=dims)).state_dict()
            kept = {name: value for name, value in kept.items() if value.shape == wider[name].shape}
        return {**fresh, **kept}

    def to_json(self) -> dict[str, Any]:
        return {"path": str(self.path), **self.identity.to_json(), "refit": self.refit}


def adapt_to_data(run: TrainRun, mixture: MixtureConfig, start_from: Path | None) -> tuple[TrainRun, MixtureConfig]:
    """The run and the mixture with what the run leaves to its data, or to the policy to start from, if there is one.

    A window that sees every camera gets the policy's, and images that are larger than the policy's get its size. The
    run's image size becomes sizes of the mixture, and its horizon in seconds becomes the window's in steps. A model
    that is built on another (`nn.trainable.BuildsOn`) gets that one, its window if it has none of its own, and images
    of exactly its sizes, because that one does not learn any more.

    Raises:
        PraxiaError: no policy there, or none given to build on; an image size below 1, or a horizon of less than half a
            step. DataError: it is not what was saved. MismatchError: a model that this one cannot be built on.
    """
    if isinstance(run.model, BuildsOn):
        run = _built_on(run, run.model, start_from)
    if run.horizon_s is not None:
        horizon = round(run.horizon_s * mixture.control_hz)
        if horizon < 1:
            raise PraxiaError(
                f"expected --horizon-s of at least a step, {1 / mixture.control_hz:.3g} s, got {run.horizon_s:g}"
            )
        run = replace(run, horizon_s=None, window=replace(run.window, horizon=horizon))
    known: dict[str, tuple[int, int]] = {}
    if start_from is not None:
        config = read_config(start_from)[0]
        cameras = [camera for one in config.embodiments for camera in one.cameras]
        known = {camera.name: (camera.height, camera.width) for camera in cameras}
        run = replace(run, window=run.window.with_cameras(config.window.cameras))
        if isinstance(run.model, BuildsOn):
            mixture = mixture.resized(known)
    if run.image_size is None:
        return run, mixture
    expect_positive(**{"image-size": run.image_size})
    return replace(run, image_size=None), mixture.limited(run.image_size, known)


def _built_on(run: TrainRun, model: BuildsOn, start_from: Path | None) -> TrainRun:
    """The run with what is at `start_from` as the part that its model is built on, or with the part of that."""
    if start_from is None:
        raise PraxiaError("expected --start-from RUN, a trained model to build on, got none")
    config = read_config(start_from)[0]
    base = config.model.base if isinstance(config.model, BuildsOn) else config.model
    assert base is not None, "a model that was trained has its part"
    window = config.window if run.window.sees_every_camera else run.window
    return replace(run, model=model.built_on(base), window=window)


def read_initial_checkpoint(
    path: Path, run: TrainRun, embodiments: Sequence[Embodiment], *, refit: bool = False
) -> InitialCheckpoint:
    """The policy at `path`, for a run on data of `embodiments`, which replace its own in order.

    An embodiment that the policy was trained on keeps its position. A policy whose actions are codes of latent actions
    begins one with other actions, if what is fitted on actions is fitted anew (`refit`); layers whose size depends on
    these begin fresh (`InitialCheckpoint.weights_for`).

    Raises:
        PraxiaError: no policy there. DataError: its config is not what was saved.
        MismatchError: another model or window, embodiments whose states or actions mean something else, or actions
            that are relative in one and absolute in the other.
    """
    config, identity = read_config(path)
    other_actions = False
    if refit and all(map(has_codes, config.embodiments)):
        other_actions = _meanings(embodiments) != _meanings(config.embodiments)
        config = replace(config, embodiments=_without_actions(config.embodiments))
        embodiments = _without_actions(embodiments)
    part = None if isinstance(config.model, BuildsOn) or not isinstance(run.model, BuildsOn) else run.model
    ours = {
        "model": _unfitted(run.model) if part is None else part.base and _unfitted(part.base),
        "window": run.window,
        "embodiments": _meanings(embodiments),
        "relative actions": run.relative_actions(embodiments),
    }
    theirs = {
        "model": _unfitted(config.model),
        "window": config.window,
        "embodiments": _meanings(config.embodiments),
        "relative actions": tuple(embodiment.relative for embodiment in config.transforms.embodiments),
    }
    compared = [name for name in ours if part is None or name != "window"]
    different = [name for name in compared if ours[name] != theirs[name]]
    known = [embodiment.name for embodiment in config.embodiments]
    if any(
        embodiment.name in known and known[at : at + 1] != [embodiment.name]
        for at, embodiment in enumerate(embodiments)
    ):
        different.append("order of embodiments")
    if different:
        raise MismatchError(
            f"the policy at {path} cannot be fine-tuned here: its {' and '.join(different)} differ from this run's "
            f"(it was made by {config.provenance.get('recipe')!r} for "
            f"{', '.join(embodiment.name for embodiment in config.embodiments)}); see `praxia info {path}`"
        )
    _expect_one_order(path, config, embodiments)
    if isinstance(run.model, BuildsOn):
        _expect_one_size(path, config, embodiments)
    model = run.model
    if isinstance(model, FitsData) and part is None:
        model = model.fitted_as(config.model)
    generation = config.provenance.get(GENERATION, 0)
    part_name = part and part.base_name
    return InitialCheckpoint(
        path,
        model,
        identity,
        config.transforms,
        part=part_name,
        generation=generation,
        other_actions=other_actions,
        part_runs=_runs(config) if isinstance(run.model, BuildsOn) else (),
    )


def _runs(config: PolicyConfig) -> tuple[Mapping[str, Any], ...]:
    """The run that a model comes from, and those that its part does."""
    own = {name: config.provenance.get(name) for name in ("data", "held_out")}
    return (own, *config.provenance.get("part_runs", ()))


def _without_actions(embodiments: Sequence[Embodiment]) -> tuple[Embodiment, ...]:
    return tuple(replace(one, action=()) for one in embodiments)


def _unfitted(model: ModelConfig) -> ModelConfig:
    """The same network without what it learned from its data before training."""
    return model.unfitted() if isinstance(model, FitsData) else model


def _expect_one_order(path: Path, config: PolicyConfig, embodiments: Sequence[Embodiment]) -> None:
    """Refuse another order of joints, which equal fields do not show, and other joints of the same embodiment."""
    for trained, embodiment in zip(config.embodiments, embodiments, strict=True):
        found = dim_name_difference(trained, embodiment)
        if found and (found.reordered or trained.name == embodiment.name):
            raise MismatchError(
                f"the policy at {path} cannot be fine-tuned here: embodiment {embodiment.name!r} has other numbers in "
                f"its data than in this run's: {found.text}; `praxia data edit reorder DIR --like {_data_of(config)} "
                "--out NEW` gives both one order"
            )


def _expect_one_size(path: Path, config: PolicyConfig, embodiments: Sequence[Embodiment]) -> None:
    """Refuse images of another size than those that a part was trained on, which only a mixture's own sizes give."""
    known = {camera.name: (camera.height, camera.width) for one in config.embodiments for camera in one.cameras}
    for camera in (camera for one in embodiments for camera in one.cameras if camera.name in known):
        if (camera.height, camera.width) != known[camera.name]:
            height, width = known[camera.name]
            raise MismatchError(
                f"expected images of {height}x{width} of camera {camera.name!r}, as the model at {path} was trained on,"
                f" got {camera.height}x{camera.width}: leave the camera out of the mixture's sizes"
            )


def _data_of(config: PolicyConfig) -> str:
    """The data set that a policy was trained on, the first of several."""
    return next((one["path"] for one in config.provenance.get("data", ())), "OTHER")


def _meanings(embodiments: Sequence[Embodiment]) -> list[object]:
    return [(embodiment.state, embodiment.action, embodiment.control_hz) for embodiment in embodiments]
