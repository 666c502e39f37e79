"""A model as a folder: `policy.json` (config, shapes, transforms, embodiments, window) and `weights.safetensors`.

Most models are policies; one that is none, such as a model of the world, is saved in the same files.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from praxia.checkpoint.identity import PolicyIdentity, policy_sha256
from praxia.checkpoint.migration import SCHEMA, migrate_policy, migrate_tensors, schemas
from praxia.core.config import Config, config_from_json, config_to_json
from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.core.files import sha256_file, staged_folder
from praxia.core.labelling import ActionLabeller, ChangeCoder
from praxia.core.registry import lookup, names
from praxia.core.types import Sampling
from praxia.core.window import Window
from praxia.encoders import ENCODERS
from praxia.heads import HEADS
from praxia.heads.denoisers import DENOISERS
from praxia.nn.precision import weights_to_bf16
from praxia.nn.trainable import ModelConfig
from praxia.nn.types import Shapes
from praxia.nn.world import World
from praxia.policies import MODELS
from praxia.policies.interface import HasSampling, MakesPolicy, TrainedPolicy
from praxia.transforms.chain import Transforms
from praxia.worlds.interface import MakesCoder, MakesLabeller, MakesWorld

__all__ = [
    "SCHEMA",
    "PolicyConfig",
    "expect_policy",
    "find_config",
    "load_bound_policy",
    "load_coder",
    "load_labeller",
    "load_model",
    "load_policy",
    "load_weights",
    "load_world",
    "policy_folder",
    "read_config",
    "save_policy",
]

LOG = logging.getLogger(__name__)

# The first schema whose files hold the hash that identifies them.
FIRST_IDENTIFIED = 4


@dataclass(frozen=True)
class PolicyConfig:
    """Everything of a policy, or of another model, but its weights.

    `provenance` is the `run.json` of the run that trained it.
    `shapes.embodiment_dims` and `transforms.embodiments` are in the order of `embodiments`, which numbers them.
    `masked` says whether images and states that are not valid are hidden from the network; policies of schema 3 saw
    them. `precision` is that of the policy's inference (None: as its files); it is an option of sampling, not saved.
    """

    model: ModelConfig
    shapes: Shapes
    transforms: Transforms
    embodiments: tuple[Embodiment, ...]
    window: Window
    provenance: Mapping[str, Any]
    masked: bool = True
    precision: Literal["bf16"] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "model": config_to_json(self.model),
            "shapes": {name: value for name, value in asdict(self.shapes).items() if name != "streams" or value},
            "transforms": self.transforms.to_json(),
            "embodiments": [embodiment.to_json() for embodiment in self.embodiments],
            "window": self.window.to_json(),
            "masked": self.masked,
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PolicyConfig":
        model, shapes = config_from_json(value["model"], find_config), value["shapes"]
        assert isinstance(model, ModelConfig), model
        sizes = {"cameras": tuple(shapes["cameras"]), "embodiment_dims": tuple(map(tuple, shapes["embodiment_dims"]))}
        sizes["streams"] = {name: tuple(shape) for name, shape in shapes.get("streams", {}).items()}
        return cls(
            model=model,
            shapes=Shapes(**{**shapes, **sizes}),
            transforms=Transforms.from_json(value["transforms"]),
            embodiments=tuple(map(Embodiment.from_json, value["embodiments"])),
            window=Window.from_json(value["window"]),
            provenance=value["provenance"],
            masked=value["masked"],
        )

    def build(self, weights: Mapping[str, Tensor], device: str = "cpu") -> TrainedPolicy:
        """The policy with `weights` (as `load_file` gives them) on `device`.

        Raises:
            PraxiaError: the model is no policy.
        """
        kind = expect_policy(self)
        model = self.build_model(weights)
        if self.precision is not None:
            weights_to_bf16(model)  # before it moves, so that the device never holds it in float32
        return kind.make_policy(model.to(device), self.transforms, self.embodiments, self.window, masked=self.masked)

    def build_model(self, weights: Mapping[str, Tensor], device: str = "cpu") -> nn.Module:
        """The model itself with `weights` on `device`."""
        model = self.model.build(self.shapes)
        model.load_state_dict(dict(weights))
        return model.to(device)


def expect_policy(config: PolicyConfig, path: Path | None = None) -> MakesPolicy:
    """The config of the model, which is a policy; `path` is where it lies, for the message.

    Raises:
        PraxiaError: it is none.
    """
    if isinstance(config.model, MakesPolicy):
        return config.model
    where, see = ("", "") if path is None else (f" at {path}", f"; `praxia info {path}` describes it")
    raise PraxiaError(f"expected a policy{where}, got a model of type {config.model.tag!r}, which decides nothing{see}")


def find_config(tag: str) -> type[Config]:
    """The config class of a registered model, or of an encoder, head or denoiser within one."""
    registries = {"heads": HEADS, "denoisers": DENOISERS, "encoders": ENCODERS, "models": MODELS}
    known = registries if any(tag in table for table in registries.values()) else _with_other_packages(registries)
    group = next((group for group, table in known.items() if tag in table), "encoders")
    return lookup(group, registries[group], tag, kind="encoder, head or denoiser", listing="praxia recipes")


def _with_other_packages(registries: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {group: names(group, table) for group, table in registries.items()}


def save_policy(folder: Path, config: PolicyConfig, weights: Mapping[str, Tensor]) -> PolicyIdentity:
    """Write a policy atomically and return its identity."""
    with staged_folder(folder) as stage:
        path = stage / "weights.safetensors"
        save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, path)
        value = {**config.to_json(), "weights_sha256": sha256_file(path)}
        identity = PolicyIdentity(policy_sha256(value), value["weights_sha256"])
        text = json.dumps({**value, "policy_sha256": identity.policy_sha256}, indent=1)
        (stage / "policy.json").write_text(text)
    return identity


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


def read_config(path: Path, sampling: Sampling | None = None) -> tuple[PolicyConfig, PolicyIdentity]:
    """A policy's config, with the options of `sampling`, and its identity, without loading the weights.

    A policy of an earlier schema decides as it did then; one line is logged about it.

    Raises:
        DataError: `policy.json` cannot be read, or is not what was saved.
        PraxiaError: no policy there, one of a newer schema, or an option of sampling that its head does not have.
    """
    file = policy_folder(path) / "policy.json"
    written = _read_value(file)
    try:
        value = _with_identity(file, written)
        config, identity = (
            PolicyConfig.from_json(value),
            PolicyIdentity(value["policy_sha256"], value["weights_sha256"]),
        )
    except (AssertionError, KeyError, TypeError) as error:
        raise DataError(f"{file} is damaged ({type(error).__name__}: {error}); copy the folder again") from error
    if (schema := written["schema"]) != SCHEMA:
        unnoticed = ", but an edit of the file goes unnoticed" if schema < FIRST_IDENTIFIED else ""
        LOG.warning(
            "%s is of schema %s, read as schema %s: the policy decides as before and nothing need be done%s",
            file,
            schema,
            SCHEMA,
            unnoticed,
        )
    model, sampling = config.model, sampling or Sampling()
    if not isinstance(model, HasSampling):
        if given := next(iter(sampling.to_json()), None):
            raise PraxiaError(f"expected a policy with --{given}, got model {model.tag!r}, which has none of sampling")
        return config, identity
    precision, of_head = sampling.precision, replace(sampling, precision=None)
    if (new := replace(model.resampled(of_head), precision=precision)) == Sampling():
        return config, identity
    model = model.sampled(of_head)
    rounded = {} if precision is None else {"precision": precision}
    resampled = policy_sha256({**value, "model": config_to_json(model), **rounded})
    config = replace(config, model=model, precision=precision)
    return config, PolicyIdentity(resampled, identity.weights_sha256, new)


def _read_value(file: Path) -> dict[str, Any]:
    """The JSON object of a `policy.json`, of this schema or one that can be migrated to it."""
    try:
        value = json.loads(file.read_text())
    except ValueError as error:
        raise DataError(f"{file} is not JSON ({error}); copy the folder again") from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema not in schemas():
        raise PraxiaError(
            f"expected a policy of schema {min(schemas())} to {SCHEMA} at {file.parent}, got {schema}; "
            "train it anew with `praxia train` or use the version of Praxia that wrote it"
        )
    return value


def _with_identity(file: Path, value: dict[str, Any]) -> dict[str, Any]:
    """The object in today's schema. A migration keeps the identity, so that earlier results still belong to the policy.

    Schema 4 was the first to be saved with its identity; a policy of schema 3 is identified by its form in schema 4.
    """
    if value["schema"] < FIRST_IDENTIFIED:
        identified = migrate_policy(value, FIRST_IDENTIFIED)
        return {**migrate_policy(value), "policy_sha256": policy_sha256(identified)}
    if policy_sha256(value) != value.get("policy_sha256"):
        raise DataError(
            f"{file} is not what was saved (policy_sha256): undo the edit or copy the folder again; to sample"
            " otherwise give `praxia eval` --steps N or --temperature T"
        )
    return {**migrate_policy(value), "policy_sha256": value["policy_sha256"]}


def load_weights(path: Path, identity: PolicyIdentity, device: str = "cpu") -> dict[str, Tensor]:
    """The weights of the policy at `path`.

    Raises:
        DataError: they are not the ones that were saved.
    """
    weights = policy_folder(path) / "weights.safetensors"
    if not weights.is_file() or sha256_file(weights) != identity.weights_sha256:
        raise DataError(f"{weights} is missing or differs from what was saved (SHA-256); copy the folder again")
    tensors, value = load_file(weights, device=device), _read_value(weights.with_name("policy.json"))
    return tensors if value["schema"] == SCHEMA else migrate_tensors(tensors, migrate_policy(value)["model"])


def load_policy(
    path: Path, device: str = "cpu", sampling: Sampling | None = None
) -> tuple[TrainedPolicy, PolicyIdentity]:
    """A policy ready to act, with the options of `sampling`, and its identity.

    Raises as `read_config` and `load_weights` do, and PraxiaError for a model that is no policy.
    """
    config, identity = read_config(path, sampling)
    expect_policy(config, path)
    return config.build(load_weights(path, identity), device), identity


def load_bound_policy(
    path: Path, embodiment: str | None, device: str = "cpu", sampling: Sampling | None = None
) -> tuple[TrainedPolicy, PolicyIdentity]:
    """As `load_policy`, bound to the trained `embodiment` of that name (None: the only one).

    Raises:
        UnknownName: it was not trained on that embodiment. MismatchError: it was trained on several; name one.
    """
    policy, identity = load_policy(path, device, sampling)
    if embodiment is not None:
        trained = {one.name: one for one in policy.embodiments}
        if embodiment not in trained:
            raise UnknownName("embodiment of this policy", embodiment, trained, f"praxia info {path}")
        policy = policy.bind(trained[embodiment])
    _ = policy.embodiment  # refuses a policy of several embodiments that is not bound to one
    return policy, identity


def load_model(path: Path, device: str = "cpu") -> tuple[nn.Module, PolicyConfig, PolicyIdentity]:
    """A model of any type, in evaluation mode, with its config (transforms, embodiments, window) and its identity.

    Raises as `read_config` and `load_weights` do.
    """
    config, identity = read_config(path)
    return config.build_model(load_weights(path, identity, device), device).eval(), config, identity


def load_world(path: Path, device: str = "cpu") -> tuple[World, PolicyIdentity]:
    """A world ready to imagine, on `device`, and its identity.

    Raises as `read_config` and `load_weights` do, and PraxiaError for a model that is no world.
    """
    model, config, identity = load_model(path, device)
    if not isinstance(config.model, MakesWorld):
        tag = config.model.tag
        raise PraxiaError(f"expected a world at {path}, got a model of type {tag!r}; `praxia info {path}` describes it")
    parts = (config.transforms, config.embodiments, config.window)
    return config.model.make_world(model, *parts, masked=config.masked), identity


def load_labeller(path: Path, device: str = "cpu") -> tuple[ActionLabeller, PolicyIdentity]:
    """A model that reads actions from video, on `device`, and its identity.

    Raises as `read_config` and `load_weights` do, and PraxiaError for a model that does not.
    """
    model, config, identity = load_model(path, device)
    if not isinstance(config.model, MakesLabeller):
        tag = config.model.tag
        raise PraxiaError(
            f"expected an inverse dynamics model at {path}, got a model of type {tag!r}; `praxia train idm-tabletop` "
            "makes one"
        )
    return config.model.make_labeller(model, config.transforms, config.embodiments, config.window), identity


def load_coder(path: Path, device: str = "cpu") -> tuple[ChangeCoder, PolicyIdentity]:
    """A model that says in codes what changes in a video, on `device`, and its identity.

    Raises as `read_config` and `load_weights` do, and PraxiaError for a model that does not.
    """
    model, config, identity = load_model(path, device)
    if not isinstance(config.model, MakesCoder):
        tag = config.model.tag
        raise PraxiaError(
            f"expected a model of latent actions at {path}, got one of type {tag!r}; `praxia train lapa-tworoom` makes"
            " one"
        )
    return config.model.make_coder(model, config.transforms, config.embodiments, config.window), identity
