"""Policies and runs that earlier versions wrote, in today's form.

Every name that changed stands in one of the tables below; the steps from schema to schema apply them. What a policy
computes stays the same, to the last bit.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

__all__ = ["RUN_SCHEMA", "SCHEMA", "migrate_policy", "migrate_run", "migrate_tensors", "schemas"]

Value = dict[str, Any]
T = TypeVar("T")

# The schema of `policy.json`, which is also that of the names of its weights, and the schema of `run.json`.
SCHEMA, RUN_SCHEMA = 5, 2

# Schema 5. Tags of configs, and their fields by their new tag.
TAGS = {
    "composed": "encoder-head",
    "spoken": "vlm-tokens",
    "subword-text": "pooled-text",
}
FIELDS: dict[str, dict[str, str]] = {
    "film-cnn": {"state_steers": "state_conditions"},
    "train": {"num_questions": "num_vqa"},
}
WINDOW = {"moments": "observation_steps"}
SHAPES = {"bodies": "embodiments"}
TRANSFORMS = {"bodies": "embodiments", "subwords": "text_tokenizer", "prompt": "prompt_tokenizer"}
TOKENIZER = {"model": "tokenizer_json", "picture": "image", "num_pictures": "num_images"}
RUN = {"questions": "vqa"}
VQA = {"pictures_sha256": "images_sha256"}
RECIPES = {"flow-tabletop-bodies": "flow-tabletop-embodiments"}
# Names of tensors, by the tag of the config whose module holds them: (pattern at the begin of the name, replacement).
TENSORS: dict[str, tuple[tuple[str, str], ...]] = {}

# Up to schema 3 a dim of a smaller range, in its own unit, was shifted and not scaled.
MIN_RANGE = 1e-4


def schemas() -> tuple[int, ...]:
    """The schemas of `policy.json` that can be read."""
    return (*_STEPS, SCHEMA)


def migrate_policy(value: Mapping[str, Any]) -> Value:
    """The value of a `policy.json` in today's schema."""
    found = dict(value)
    while steps := _STEPS.get(found["schema"]):
        for step in steps:
            found = step(found)
        found["schema"] += 1
    return found


def migrate_run(value: Mapping[str, Any]) -> Value:
    """The value of a `run.json`, which is also the provenance of a policy, in today's schema.

    Where an earlier version left something out, it is absent here too.
    """
    if value.get("schema") == RUN_SCHEMA:
        return dict(value)
    found = _renamed(value, RUN)
    if "config" in found:
        config = _config(found["config"])
        # Before relative actions, runs did not record that they had none; windows did not list their cameras.
        config = {"relative": False, "relative_to": {}, **config}
        found["config"] = {**config, "window": _with_cameras(config["window"])}
    if found.get("vqa"):
        found["vqa"] = _renamed(found["vqa"], VQA)
    if "recipe" in found:
        found["recipe"] = RECIPES.get(found["recipe"], found["recipe"])
    if found.get("start_from"):
        # It covers names that have changed since, so that it can be compared with no other; `weights_sha256` stays.
        found["start_from"] = {key: item for key, item in found["start_from"].items() if key != "policy_sha256"}
    # Before mixtures, runs named their one data set without a list.
    if isinstance(found.get("data"), Mapping):
        found["data"] = [found["data"]]
    return {"schema": RUN_SCHEMA, **found}


def migrate_tensors(tensors: Mapping[str, T], model: Mapping[str, Any]) -> dict[str, T]:
    """Weights of schema 4 or before under today's names. `model` is the JSON of their model's config, of today."""
    rules = [(re.compile(f"{re.escape(path)}{pattern}"), path + new) for path, pattern, new in _tensor_rules("", model)]
    return {_new_name(name, rules): value for name, value in tensors.items()}


def _new_name(name: str, rules: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, new in rules:
        name = pattern.sub(new, name, count=1) if pattern.match(name) else name
    return name


def _tensor_rules(path: str, config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rules = [(path, pattern, new) for pattern, new in TENSORS.get(config["part"], ())]
    for name, item in config.items():
        if isinstance(item, Mapping) and "part" in item:
            rules += _tensor_rules(f"{path}{name}.", item)
    return rules


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
    """Networks of schema 3 saw the images of missing cameras and repeated history as valid, and go on doing so."""
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
    """A config, those within it, and its window."""
    part = str(value["part"])
    tag = TAGS.get(part, part)
    found = {**_renamed(value, FIELDS.get(tag, {})), "part": tag}
    for name, item in found.items():
        if name == "window":
            found[name] = _renamed(item, WINDOW)
        elif name == "template":
            found[name] = _template(item)
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
