import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from praxia.core.config import (
    ADDED,
    Config,
    FittedConfig,
    config_from_json,
    config_to_json,
    fit_config,
    fitted_as,
    unfitted,
)
from praxia.core.errors import UnknownName
from praxia.core.window import Window


@dataclass(frozen=True)
class Leaf(Config):
    tag: ClassVar[str] = "leaf"
    size: int = 3
    rates: tuple[float, ...] = (1.0, 2.0)


@dataclass(frozen=True)
class OtherLeaf(Config):
    tag: ClassVar[str] = "other-leaf"


@dataclass(frozen=True)
class Tree(Config):
    tag: ClassVar[str] = "tree"
    leaf: Config = field(default_factory=Leaf)
    leaves: tuple[Config, ...] = ()
    ranges: tuple[tuple[int, float], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    by_name: Mapping[str, Config] = field(default_factory=dict)
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    depth: int | None = None
    optional: Leaf | None = None
    bounds: tuple[float, float] | None = None
    window: Window | None = None


@dataclass(frozen=True)
class Scale(FittedConfig):
    tag: ClassVar[str] = "scale"
    training_only: ClassVar[frozenset[str]] = frozenset({"folder"})
    width: int = 8
    folder: str = ""

    def fit(self, chunks):
        return Scale(self.width, self.folder, fitted={"max": float(chunks().max())})


@dataclass(frozen=True)
class Grown(Config):
    tag: ClassVar[str] = "grown"
    size: int = 3
    ratio: float = field(default=1.0, metadata=ADDED)
    depth: int | None = field(default=None, metadata=ADDED)


CONFIGS = {config.tag: config for config in (Leaf, OtherLeaf, Tree, Scale, Grown)}


def find(tag):
    if tag not in CONFIGS:
        raise UnknownName("config", tag, CONFIGS, "nothing")
    return CONFIGS[tag]


def through_json(config):
    return config_from_json(json.loads(json.dumps(config_to_json(config))), find)


def chunks():
    return np.full((1, 2, 3), 5, np.float32)


@pytest.mark.parametrize(
    "config",
    [
        Leaf(),
        Tree(),
        Tree(leaf=OtherLeaf()),
        Tree(leaves=(Leaf(1), OtherLeaf(), Tree(leaves=(Leaf(2, ()),)))),
        Tree(ranges=((1, 2.5), (3, 4.0))),
        Tree(names={"a": "b"}, by_name={"x": Leaf(7)}, groups={"g": (1, 2), "h": ()}),
        Tree(numbers=[1, 2], depth=4, optional=Leaf(9), bounds=(-1.0, 1.0)),
        Tree(window=Window({"state": (-1, 0)}, horizon=4)),
        Scale(fitted={"list": [[1, 2], [3]], "type": "not a config", "none": None}),
    ],
)
def test_json_gives_an_equal_config(config):
    assert through_json(config) == config


def test_the_json_names_the_tag_and_every_field():
    assert config_to_json(Leaf()) == {"type": "leaf", "size": 3, "rates": [1.0, 2.0]}
    assert config_to_json(Tree(leaves=(OtherLeaf(),)))["leaves"] == [{"type": "other-leaf"}]


def test_lists_stay_lists_where_a_field_declares_them_or_any_value():
    assert through_json(Tree(numbers=[1])).numbers == [1]
    assert through_json(Scale(fitted=[1, [2]])).fitted == [1, [2]]


def test_missing_fields_take_their_defaults_and_unknown_ones_are_refused():
    assert config_from_json({"type": "leaf"}, find) == Leaf()
    with pytest.raises(TypeError, match="colour"):
        config_from_json({"type": "leaf", "colour": "red"}, find)
    with pytest.raises(UnknownName, match="nearest: leaf"):
        config_from_json({"type": "tree", "leaf": {"type": "laef"}}, find)


def test_a_fitted_config_keeps_what_it_learned_and_gives_it_to_the_same_network():
    fitted = fit_config(Scale(folder="here"), chunks)
    assert fitted.fitted == {"max": 5.0}
    assert fitted_as(Scale(folder="there"), fitted) == Scale(folder="there", fitted={"max": 5.0})
    assert unfitted(fitted) == Scale() == unfitted(Scale(folder="there"))
    assert unfitted(Scale(width=9)) != unfitted(fitted)


def test_a_config_that_learns_nothing_is_unchanged():
    def never():
        raise AssertionError("nothing is fitted")

    leaf = Leaf(4)
    assert fit_config(leaf, never) is leaf
    assert fitted_as(leaf, fit_config(Scale(), chunks)) is leaf
    assert unfitted(leaf) is leaf


def test_a_field_that_was_added_later_is_in_the_json_only_where_it_is_used():
    assert config_to_json(Grown()) == {"type": "grown", "size": 3}
    assert config_to_json(Grown(ratio=0.5)) == {"type": "grown", "size": 3, "ratio": 0.5}
    for config in (Grown(), Grown(size=4, ratio=0.5), Grown(depth=2)):
        assert config_from_json(json.loads(json.dumps(config_to_json(config))), find) == config
