"""`praxia recipes`: what `praxia train` takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from praxia.cli.arguments import parse
from praxia.core.registry import names
from praxia.recipes import RECIPES, find_recipe
from praxia.recipes.catalog import CAMERAS, CATALOG, GPU, START_HERE, WORLDS

__all__ = ["run"]

NAME_WIDTH = max(len(name) for name, one in CATALOG.items() if one.benchmark is None)


@dataclass(frozen=True)
class RecipesArguments:
    """List what `praxia train` takes: what each recipe needs, its number of parameters, and what it suits."""

    pairs: bool = False
    """List which encoders fit which heads instead."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """List the recipes."""
    options = parse(RecipesArguments, arguments, "praxia recipes", example="praxia recipes --pairs")
    if options.pairs:
        return _pairs(options.json)
    others = sorted(names("recipes", RECIPES).keys() - CATALOG.keys())
    if options.json:
        return {"recipes": {name: _describe(name) for name in [*CATALOG, *others]}}
    print("\n".join(_listing(others)))
    return {}


def _describe(name: str) -> dict[str, Any]:
    entry = CATALOG.get(name)
    about = {
        "summary": _summary(name),
        "start_here": name in START_HERE,
        "needs": entry and entry.needs,
        "benchmark": entry and entry.benchmark,
        "parameters": entry and round(entry.million_parameters * 1e6),
        "suits": entry and entry.suits,
    }
    return about if entry is not None else {"summary": about["summary"], "start_here": False}


def _summary(name: str) -> str:
    return (find_recipe(name).__doc__ or "").strip().splitlines()[0]


def _listing(others: Sequence[str]) -> Iterator[str]:
    """The lines for a person; `others` are the recipes of other packages."""
    yield "Start here: any LeRobot data with cameras, on a laptop.\n"
    yield from map(_line, START_HERE)
    yield "\n  praxia train act --data my/dataset --hold-out 0.1 --out runs/mine\n"
    yield "More for any data with cameras, small, trained from scratch on a laptop:\n"
    yield from (_line(name) for name, one in CATALOG.items() if one.needs == CAMERAS and name not in START_HERE)
    yield "\nModels of the world, for any data with cameras; what each needs beside them:\n"
    yield from (f"{_line(name)} ({CATALOG[name].needs.removeprefix(f'{CAMERAS}; ')})" for name in WORLDS)
    yield "\nAt the sizes and settings of their papers, for a GPU:\n"
    yield from (_line(name) for name, one in CATALOG.items() if one.needs == GPU)
    for needs in dict.fromkeys(one.needs for one in CATALOG.values() if one.needs.startswith(f"{GPU}; ")):
        yield f"\nThe same, beginning with {needs.removeprefix(f'{GPU}; ')} (--model.encoder.weights DIR):\n"
        yield from (_line(name) for name, one in CATALOG.items() if one.needs == needs)
    yield "\nFor one benchmark, on demonstrations that `praxia collect` records, 0.3M to 5.1M parameters:\n"
    for benchmark in dict.fromkeys(one.benchmark for one in CATALOG.values() if one.benchmark is not None):
        listed = ", ".join(name for name, one in CATALOG.items() if one.benchmark == benchmark)
        yield fill(
            listed, 100, initial_indent=f"  {benchmark:10s} ", subsequent_indent=" " * 13, break_on_hyphens=False
        )
    if others:
        yield "\nFrom other packages:\n"
        yield from (f"  {name:{NAME_WIDTH}s}        {_summary(name)}" for name in others)
    yield "\n`praxia train RECIPE --help` has every option; `praxia recipes --pairs`, which encoders fit which heads."


def _line(name: str) -> str:
    entry = CATALOG[name]
    size = entry.million_parameters
    return f"  {name:{NAME_WIDTH}s} {f'{size / 1000:.1f}B' if size >= 1000 else f'{size:.1f}M':>6s}  {entry.suits}"


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
