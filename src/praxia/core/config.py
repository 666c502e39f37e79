"""Configuration as values: frozen dataclasses that are stored under a tag, never under a module path."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import Float32

__all__ = [
    "ADDED",
    "Config",
    "FittedConfig",
    "components",
    "config_from_json",
    "config_to_json",
    "fit_config",
    "fitted_as",
    "unfitted",
]

C = TypeVar("C", bound="Config")
F = TypeVar("F", bound="FittedConfig")

# The metadata of a field that its config's first version did not have, and whose default is as before. JSON leaves it
# out where it has its default: configs that do not use it keep their JSON, and policies the hashes that identify them.
ADDED = {"added": True}


@dataclass(frozen=True)
class Config:
    """Base of the configs: frozen dataclasses whose fields are JSON values or configs, so that options can set them.

    `tag` is the config's name in its package's registry. The config of a model or of one of its components derives from
    the abstract config of its kind (`EncoderConfig`, `HeadConfig`, ...), which declares `build`.

    Two configs describe the same network if their `unfitted` copies are equal; fields in `training_only` do not change
    the network and are reset to their defaults there.
    """

    tag: ClassVar[str]
    training_only: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class FittedConfig(Config, ABC):
    """A config that learns something from the training data before its module is built.

    `fitted` is what it learned, as a JSON value; None before.
    """

    fitted: Any = field(default=None, kw_only=True)

    @abstractmethod
    def fit(self: F, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> F:
        """A fitted copy. `chunks` returns the normalised action chunks of the training data."""


def fit_config(config: C, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> C:
    """The config fitted on the training data; a config that fits nothing is returned as it is."""
    return config.fit(chunks) if isinstance(config, FittedConfig) else config


def fitted_as(config: C, other: Config) -> C:
    """The config with what `other`, a config of the same network, learned from its training data."""
    if not (isinstance(config, FittedConfig) and isinstance(other, FittedConfig)):
        return config
    return replace(config, fitted=other.fitted)


def unfitted(config: C) -> C:
    """The config without what it learned from data, and with the defaults for the fields that only training uses."""
    defaults = {entry.name: entry.default for entry in fields(config) if entry.name in config.training_only}
    assert MISSING not in defaults.values(), f"fields that only training uses need defaults: {defaults}"
    learned = {"fitted": None} if isinstance(config, FittedConfig) else {}
    return replace(config, **learned, **defaults) if learned or defaults else config


def components(config: Config) -> tuple[Config, ...]:
    """The configs among the fields of a config, in order."""
    return tuple(value for entry in fields(config) if isinstance(value := getattr(config, entry.name), Config))


def config_to_json(config: Config) -> dict[str, Any]:
    """`{"type": tag, field: value, ...}`, nested where a value is a config or has `to_json`; tuples become lists.

    Fields with the metadata `ADDED` are left out where they have their default.
    """
    values = {entry.name: _to_json(getattr(config, entry.name)) for entry in fields(config)}
    unused = {one.name for one in fields(config) if one.metadata == ADDED and values[one.name] == _to_json(one.default)}
    return {"type": config.tag, **{name: value for name, value in values.items() if name not in unused}}


def config_from_json(value: Mapping[str, Any], find: Callable[[str], type[Config]]) -> Config:
    """The inverse of `config_to_json`: each field is read as its declared type.

    `find` maps a tag to its class, or raises UnknownName.

    Raises:
        TypeError: a field that the class does not have, or one that is missing.
    """
    cls = find(value["type"])
    types = get_type_hints(cls)
    names = {entry.name for entry in fields(cls)}
    given = {name: item for name, item in value.items() if name != "type"}
    return cls(**{name: _from_json(item, types[name], find) if name in names else item for name, item in given.items()})


def _to_json(value: Any) -> Any:
    if isinstance(value, Config):
        return config_to_json(value)
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    return [_to_json(item) for item in value] if isinstance(value, list | tuple) else value


def _from_json(value: Any, declared: Any, find: Callable[[str], type[Config]]) -> Any:
    """`value` as the type `declared`. Scalars, and values of a type that JSON cannot tell apart, stay as they are."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        others = [one for one in arguments if one is not NoneType]
        return _from_json(value, others[0], find) if value is not None and len(others) == 1 else value
    if origin is tuple:
        items = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        return tuple(_from_json(item, one, find) for item, one in zip(value, items, strict=True))
    if origin is list:
        return [_from_json(item, arguments[0], find) for item in value]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _from_json(item, arguments[1], find) for key, item in value.items()}
    if isinstance(declared, type) and issubclass(declared, Config):
        return config_from_json(value, find)
    return declared.from_json(value) if hasattr(declared, "from_json") else value
