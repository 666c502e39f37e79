"""Policies and runs that earlier versions wrote, in today's form.

Every name that changed is in one of the tables below; the steps from schema to schema apply them. What a policy
computes stays the same, to the last bit.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from praxia.action_tokenizers.migration import migrate as migrate_action_tokenizer

__all__ = ["RUN_SCHEMA", "SCHEMA", "migrate_policy", "migrate_run", "migrate_tensors", "schemas"]

Value = dict[str, Any]
T = TypeVar("T")

# The schema of `policy.json`, which covers the names of its weights, and the schema of `run.json`.
SCHEMA, RUN_SCHEMA = 5, 2

# Schema 5 of policies and schema 2 of runs. A config's tag, which was its "part" and is its "type", and its fields by
# that tag.
TAGS = {"composed": "encoder-head", "spoken": "vlm-tokens", "subword-text": "pooled-text"}
FIELDS = {
    "autoregressive": {"code": "tokenizer"},
    "film-cnn": {"state_steers": "state_conditions"},
    "parallel-bins": {"code": "tokenizer"},
    "train": {"num_questions": "num_vqa"},
}
WINDOW = {"moments": "observation_steps"}
SHAPES = {"bodies": "embodiment_dims", "vocabulary": "vocab_size"}
TRANSFORMS = {"bodies": "embodiments", "subwords": "text_tokenizer", "prompt": "prompt_tokenizer"}
TOKENIZER = {"model": "tokenizer_json", "picture": "image", "num_pictures": "num_images"}
RUN = {"questions": "vqa"}
VQA = {"pictures_sha256": "images_sha256"}
DATASET_ENTRY = {"body": "embodiment"}
RECIPES = {"flow-tabletop-bodies": "flow-tabletop-embodiments"}
# What the configs of runs have had since, with the value that is as before.
ADDED_TO_RUN = {"hold_out": 0.0, "image_size": None}
NO_AUGMENTATION = {
    "type": "augmentation",
    "enable": False,
    "brightness": 0.2,
    "contrast": 0.2,
    "saturation": 0.5,
    "hue": 0.05,
    "sharpness": 0.5,
    "blur_px": 0.0,
    "crop": 0.95,
    "degrees": 5.0,
    "translate": 0.05,
}
ADDED_TO_TRAIN = {
    "validate_every": None,
    "keep_every": None,
    "backbone_learning_rate": None,
    "augmentation": NO_AUGMENTATION,
}
# Parameters and submodules, by the tag of the config that builds their module.
TENSORS = {
    "autoregressive": {"place": "position"},
    "octo": {"camera": "camera_embedding", "moment": "time_embedding", "ask": "readout_tokens"},
    "public-vlm": {"ask": "readout_token", "say": "lm_head"},
    "resnet-grid": {"picture": "image_embedding"},
    "rt1": {"picture": "image_embedding"},
    "vision-language": {"words": "token_embedding", "ask": "readout_token"},
    "vit": {"camera": "camera_embedding"},
}

# Up to schema 3 a dim of a smaller range, in its own unit, was shifted and not scaled.
MIN_RANGE = 1e-4


def schemas() -> tuple[int, ...]:
    """The schemas of `policy.json` that can be read."""
    return (*_STEPS, SCHEMA)


def migrate_policy(value: Mapping[str, Any], schema: int = SCHEMA) -> Value:
    """The value of a `policy.json` in `schema`, or in its own where that is newer."""
    found = dict(value)
    while found["schema"] < schema and (steps := _STEPS.get(found["schema"])):
        for step in steps:
            found = step(found)
        found["schema"] += 1
    return found


def migrate_run(value: Mapping[str, Any]) -> Value:
    """The value of a `run.json`, which is also the provenance of a policy, in today's schema."""
    if value.get("schema") == RUN_SCHEMA:
        return _with_added(value)
    found = _renamed(value, RUN)
    if "config" in found:
        config = _config(found["config"])
        # Before relative actions, runs did not record that they had none; before schema 4 windows listed no cameras.
        found["config"] = {"relative": False, "relative_to": {}, **config, "window": _with_cameras(config["window"])}
    if "recipe" in found:
        found["recipe"] = RECIPES.get(found["recipe"], found["recipe"])
    if found.get("vqa"):
        found["vqa"] = _renamed(found["vqa"], VQA)
    if found.get("mixture"):
        entries = [_renamed(entry, DATASET_ENTRY) for entry in found["mixture"]["parts"]]
        found["mixture"] = {**found["mixture"], "parts": entries}
    # Before mixtures, runs named their one data set without a list.
    if isinstance(found.get("data"), Mapping):
        found["data"] = [found["data"]]
    return _with_added({**found, "schema": RUN_SCHEMA})


def _with_added(value: Mapping[str, Any]) -> Value:
    """A run with the fields of its config that its version did not have yet."""
    if "config" not in value:
        return dict(value)
    config = {**ADDED_TO_RUN, **value["config"]}
    return {**value, "config": {**config, "train": {**ADDED_TO_TRAIN, **config["train"]}}}


def migrate_tensors(tensors: Mapping[str, T], model: Mapping[str, Any]) -> dict[str, T]:
    """Weights from before schema 5 under today's names. `model` is the JSON of their model's config in schema 5."""
    names = _module_names("", model)
    return {_new_name(name, names): value for name, value in tensors.items()}


def _module_names(path: str, config: Mapping[str, Any]) -> dict[str, str]:
    """{old: new} of the parameters and submodules of a config's module and of those within it, with dots between."""
    names = {path + old: path + new for old, new in TENSORS.get(config["type"], {}).items()}
    for name, item in config.items():
        if isinstance(item, Mapping) and "type" in item and name != "fitted":
            names |= _module_names(f"{path}{name}.", item)
    return names


def _new_name(name: str, names: Mapping[str, str]) -> str:
    old = next((old for old in names if name == old or name.startswith(f"{old}.")), None)
    return name if old is None else names[old] + name.removeprefix(old)


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> Value:
    return {names.get(name, name): item for name, item in value.items()}


def _cameras_in_order(value: Value) -> Value:
    """Schema 3 has the order of cameras only as the order of the names in an object."""
    return {**value, "window": _with_cameras(value["window"], "moments")}


def _with_cameras(window: Mapping[str, Any], key: str = "observation_steps") -> Value:
    cameras = [name.removeprefix("image.") for name in window[key] if name.startswith("image.")]
    return {**window, "cameras": window.get("cameras", cameras)}


def _shifted_dims(value: Value) -> Value:
    """Schema 3 implies the dims that are only shifted by the size of their range in their own unit."""
    bodies = [
        {name: _with_shifted(one) if name in ("state", "action") else one for name, one in body.items()}
        for body in value["transforms"]["bodies"]
    ]
    return {**value, "transforms": {**value["transforms"], "bodies": bodies}}


def _with_shifted(normaliser: Mapping[str, Any]) -> Value:
    half = (np.array(normaliser["high"]) - np.array(normaliser["low"])) / 2
    shifted = np.flatnonzero(half < MIN_RANGE / 2).tolist()
    return {**normaliser, "shifted": shifted} if shifted else dict(normaliser)


def _not_masked(value: Value) -> Value:
    """Policies of schema 3 see the images of missing cameras and repeated history as valid, as in training."""
    return {**value, "masked": False}


def _names_of_the_field(value: Value) -> Value:
    """Schema 4 has other names for embodiments, observation steps, tokenizers and some configs."""
    return {
        **value,
        "model": _config(value["model"]),
        "shapes": _renamed(value["shapes"], SHAPES),
        "transforms": _transforms(value["transforms"]),
        "window": _renamed(value["window"], WINDOW),
        "provenance": migrate_run(value["provenance"]),
    }


def _config(value: Mapping[str, Any]) -> Value:
    """A config with those within it, and the window of a run's."""
    old = str(value["part"])
    tag = TAGS.get(old, old)
    rest = {name: item for name, item in value.items() if name != "part"}
    found = {"type": tag, **_renamed(rest, FIELDS.get(tag, {}))}
    for name, item in found.items():
        if name == "window":
            found[name] = _renamed(item, WINDOW)
        elif name == "template":
            found[name] = _template(item)
        elif name == "fitted" and item is not None and "tokenizer" in found:
            found[name] = migrate_action_tokenizer(item)
        elif isinstance(item, Mapping) and "part" in item:
            found[name] = _config(item)
    return found


def _transforms(value: Mapping[str, Any]) -> Value:
    found = _renamed(value, TRANSFORMS)
    for name in ("text_tokenizer", "prompt_tokenizer"):
        if name in found:
            tokenizer = _renamed(found[name], TOKENIZER)
            templates = {key: _template(tokenizer[key]) for key in ("template", "question") if key in tokenizer}
            found[name] = {**tokenizer, **templates}
    return found


def _template(text: str) -> str:
    return text.replace("{pictures}", "{images}")


# From each schema to the next, one after another.
_STEPS: dict[int, tuple[Callable[[Value], Value], ...]] = {
    3: (_cameras_in_order, _shifted_dims, _not_masked),
    4: (_names_of_the_field,),
}
