"""`praxia data mix MIX.json|DIR[,DIR...]`."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.core.errors import PraxiaError
from praxia.studio.console import STDERR, print_summary

__all__ = ["run"]

FILE = """A mixture file. Only "parts" and "data" are required; folders are relative to the file:

{"rate_hz": 15,                               steps per second; required if the data sets have different rates
 "temperature": 2,                            shares proportional to windows^(1/2); or a "weight" for every part
 "sizes": {"front": [224, 224]},              height and width, with black bars if the aspect differs
 "dreamed": 0.5, "generations": 1,            most dreamed rows, and their latest generation (defaults)
 "parts": [
  {"data": "gantry", "weight": 2, "tasks": ["push"], "episodes": [0, 1],
   "embodiment": "gantry",                    another name for the embodiment
   "cameras": {"front": "top", "wrist": null},  our name: its name; null: none, so black and not valid
   "actions": false,                          read as video, for models that learn from frames alone
   "fields": {"state": {"hand": "ee_pos"},    our name: its name
              "action": [{"name": "move", "size": 3, "kind": "delta", "unit": "m"}]}}]}   or declare them all
"""


@dataclass(frozen=True)
class MixArguments:
    """Preview what a training step sees of a mixture of data sets. Nothing is trained."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MIXTURE")]
    """A mixture file (.json), or comma-separated folders of data sets."""
    recipe: Annotated[str | None, tyro.conf.arg(metavar="RECIPE")] = None
    """Use the window, batch size, steps, seed and episode selection of this recipe."""
    window: Annotated[str | None, tyro.conf.arg(metavar="JSON")] = None
    """The window as JSON, {"observation_steps": {"image.front": [-1, 0], "state": [0]}, "horizon": 16},
    instead of a recipe's. Without either: the current timestep and 16 actions."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Training steps. Default: the recipe's, or 1000."""
    batch_size: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Rows per step. Default: the recipe's, or 64."""
    images: bool = False
    """Also read the images of the first batch."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Preview a mixture; returns the result of `dataloader.preview.preview`."""
    options = parse(
        MixArguments,
        arguments,
        "praxia data mix",
        description=f"{MixArguments.__doc__}\n\n{FILE}",
        example="praxia data mix mixture.json --recipe flow-mt50",
    )

    from praxia.core.errors import expect_positive
    from praxia.dataloader.mixture_config import find_mixture
    from praxia.dataloader.preview import default_window, preview

    mix = find_mixture(options.data)
    plan: dict[str, Any] = {"steps": 1000, "batch_size": 64}
    if options.recipe is not None:
        window, plan, image_size = _of_recipe(options.recipe)
        mix = mix if image_size is None else mix.limited(image_size, {})
    else:
        window = default_window(mix)
    if options.window is not None:
        window = _window(options.window)
    given = {"steps": options.steps, "batch_size": options.batch_size}
    plan.update({name: value for name, value in given.items() if value is not None})
    expect_positive(steps=plan["steps"], **{"batch-size": plan["batch_size"]})
    result = preview(mix, window, **plan, images=options.images)
    _print(result)
    return result


def _of_recipe(name: str) -> tuple[Any, dict[str, Any], int | None]:
    from praxia.recipes import find_recipe

    run = find_recipe(name)()
    options = run.train
    plan = {"steps": options.steps, "batch_size": options.batch_size, "seed": options.seed}
    return run.window, {**plan, "successful": run.only_success}, run.image_size


def _window(text: str) -> Any:
    from praxia.core.window import Window

    try:
        return Window.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PraxiaError(
            'expected --window \'{"observation_steps": {"image.front": [-1, 0], "state": [0]}, "horizon": 16}\', got '
            f"{text!r} "
            f"({type(error).__name__}: {error})"
        ) from None


def _print(result: dict[str, Any]) -> None:
    """Print one line per part, then the batch."""
    for part in result["parts"]:
        rate = f"{part['rate_hz']:g} Hz" + (f" as {result['rate_hz']:g} Hz" if part["resampled"] else "")
        STDERR.print(
            f"  {part['share']:6.1%}  {part['data']}: {part['embodiment']}, {rate}, {part['episodes']} episodes, "
            f"{part['windows']} windows read {part['epochs']:.2f} times",
            highlight=False,
            markup=False,
        )
        for name, camera in part["cameras"].items():
            description = (
                "none: black, not valid"
                if camera is None
                else f"{camera['from']} {camera['size']} as {camera['read_as']}"
            )
            STDERR.print(f"          {name}: {description}", highlight=False, markup=False)
        for kind in ("state", "action"):
            fields = ", ".join(f"{field['name']} {field['dims']}" for field in part[kind])
            STDERR.print(f"          {kind}: {fields}", highlight=False, markup=False)
    print_summary(result["batch"])
