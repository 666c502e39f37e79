"""`praxia recipes`: what `praxia train` takes."""

from dataclasses import dataclass
from typing import Any

import tyro

from praxia.core.registry import lookup, names
from praxia.recipes import RECIPES

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """List the recipes."""

    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """List the recipes."""
    options = tyro.cli(Arguments, args=arguments, prog="praxia recipes")
    found = {}
    for name in sorted(names("recipes", RECIPES)):
        recipe = lookup("recipes", RECIPES, name, kind="recipe", listing="praxia recipes")
        found[name] = (recipe.__doc__ or "").strip().splitlines()[0]
    if not options.json:
        print("\n".join(f"{name:24s} {text}" for name, text in found.items()))
    return {"recipes": found}
