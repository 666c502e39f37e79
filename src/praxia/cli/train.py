"""`praxia train RECIPE --data DIR[,DIR]|MIX.json --out RUN [--resume]`, with every field of the recipe as an option."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR, command_line, counting, print_summary
from praxia.core.errors import PraxiaError
from praxia.core.registry import lookup
from praxia.recipes import RECIPES

__all__ = ["run"]


def run(arguments: list[str]) -> dict[str, Any]:
    """Train, and return what `train.engine.train` returns."""
    if not arguments or arguments[0].startswith("-"):
        if "--help" not in arguments and "-h" not in arguments:
            got = arguments[0] if arguments else "none"
            raise PraxiaError(f"expected a recipe as the first word, got {got}; `praxia recipes` lists all")
        print("usage: praxia train RECIPE --data DIR[,DIR...]|MIX.json --out RUN [--resume] [options of the recipe]")
        print("`praxia recipes` lists the recipes; `praxia train RECIPE --help` lists a recipe's options.")
        raise SystemExit(0)
    name, rest = arguments[0], arguments[1:]
    configured = lookup("recipes", RECIPES, name, kind="recipe", listing="praxia recipes")()

    from praxia.dataloader.mixture_config import find_mixture
    from praxia.train.config import TrainRun
    from praxia.train.engine import train

    @dataclass(frozen=True, kw_only=True)
    class Arguments:
        """Train a recipe on a data set."""

        recipe: Annotated[TrainRun, tyro.conf.arg(name="")] = configured
        data: str
        """The data set's folder; several with commas between them train one policy, for all their embodiments. Or a mixture
        file (.json): see `praxia data mix --help`."""
        out: Path
        """The folder of this run: policy, metrics and state."""
        vqa: Path | None = None
        """Questions about images (LLaVA's JSON), answered by the policy's language model while it learns."""
        start_from: Path | None = None
        """Fine-tune this policy: its weights, normalisers and vocabulary, on new data of embodiments like its own."""
        refit: bool = False
        """With --start-from: fit the normalisers, and the tokenizer of a head that has one, anew on the new data."""
        workers: int = 0
        """How many processes read batches ahead; at 0 a thread does. The batches are the same."""
        cache_gb: float | None = None
        """What decoded images may take on disk (0: none are kept); all of them, if there is room, unless said."""
        resume: bool = False
        """Go on from the last saved state."""
        json: bool = False
        """Print one JSON object on stdout."""

    options = parse(Arguments, rest, f"praxia train {name}")
    steps = options.recipe.train.steps
    with counting(name) as count:

        def report(step: int, metrics: dict[str, float | int]) -> None:
            clipped = f"  {metrics['clipped']:.1%} clipped" if metrics.get("clipped") else ""
            count(step, steps, f"loss {metrics['loss']:.4f}{clipped}  {metrics['samples_per_s']:.0f} samples/s")

        def say(warning: str) -> None:
            STDERR.print(f"warning: {warning}", highlight=False, markup=False, soft_wrap=True)

        result = train(
            options.recipe,
            find_mixture(options.data),
            options.out,
            recipe=name,
            command=command_line("train", arguments),
            vqa=options.vqa,
            start_from=options.start_from,
            refit=options.refit,
            workers=options.workers,
            cache_bytes=None if options.cache_gb is None else int(options.cache_gb * 1e9),
            resume=options.resume,
            report=report,
            say=say,
        )
    print_summary({name: value for name, value in result.items() if name != "warnings"})
    return result
