"""`praxia recipes`: what `praxia train` takes."""

from dataclasses import dataclass
from typing import Any

from praxia.cli.arguments import parse
from praxia.core.registry import names
from praxia.recipes import RECIPES, find_recipe

__all__ = ["run"]


@dataclass(frozen=True)
class RecipesArguments:
    """List the recipes."""

    pairs: bool = False
    """List which encoders fit which heads instead."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """List the recipes."""
    options = parse(RecipesArguments, arguments, "praxia recipes", example="praxia recipes --pairs")
    if options.pairs:
        return _pairs(options.json)
    found = {}
    for name in sorted(names("recipes", RECIPES)):
        recipe = find_recipe(name)
        found[name] = (recipe.__doc__ or "").strip().splitlines()[0]
    if not options.json:
        width = max(map(len, found))
        print("\n".join(f"{name:{width}s}  {text}" for name, text in found.items()))
    return {"recipes": found}


def _pairs(as_json: bool) -> dict[str, Any]:
    from praxia.policies.pairs import find_pairs

    found = find_pairs()
    lacking = found.missing
    encoders, heads = (list(dict.fromkeys(pair[at] for pair in lacking)) for at in (0, 1))
    if not as_json:
        width = max(map(len, heads)) + 2
        print(" " * width + "  ".join(encoders))
        for head in heads:
            cells = [("no" if lacking[encoder, head] else "yes").center(len(encoder)) for encoder in encoders]
            print(head.ljust(width) + "  ".join(cells).rstrip())
        for error in dict.fromkeys(map(str, found.left_out.values())):
            print(f"left out: {error}")
    pairs = [{"encoder": e, "head": h, "missing": sorted(lack)} for (e, h), lack in lacking.items()]
    return {"pairs": pairs, "left_out": {name: str(error) for name, error in found.left_out.items()}}
