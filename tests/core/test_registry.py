from importlib.metadata import EntryPoint

import pytest

from praxia.core import registry
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.registry import lookup


def test_an_unknown_name_is_answered_with_the_nearest_and_the_listing():
    table = {"flow": "praxia.heads.flow:Flow", "film-cnn": "praxia.encoders.film_cnn:FilmCNN"}
    with pytest.raises(UnknownName, match=r"unknown head 'flw'; nearest: flow.*praxia recipes"):
        lookup("heads", table, "flw", kind="head", listing="praxia recipes")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("praxia_absent:Head", "failed with ModuleNotFoundError: No module named 'praxia_absent'"),
        ("praxia.core.keys:Head", "failed with AttributeError: module 'praxia.core.keys' has no attribute 'Head'"),
    ],
)
def test_a_broken_entry_of_another_package_is_one_line(monkeypatch, value, line):
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("theirs", value, group)])
    with pytest.raises(PraxiaError, match=f"head 'theirs' is {value} of another package, .*{line}; update"):
        lookup("heads", {}, "theirs", kind="head", listing="praxia recipes")


def test_every_registered_part_can_be_imported():
    from praxia.action_tokenizers import ACTION_TOKENIZERS
    from praxia.encoders import ENCODERS
    from praxia.envs import ENVS
    from praxia.heads import HEADS
    from praxia.recipes import RECIPES

    registries = {
        "action_codes": ACTION_TOKENIZERS,
        "encoders": ENCODERS,
        "heads": HEADS,
        "recipes": RECIPES,
        "envs": ENVS,
    }
    for kind_name, table in registries.items():
        for name in table:
            found = lookup(kind_name, table, name, kind=kind_name, listing="")
            assert getattr(found, "tag", name) == name
