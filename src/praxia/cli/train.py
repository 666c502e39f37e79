"""`praxia train RECIPE --data DIR[,DIR]|MIXTURE.json --out RUN [--resume]`. Each field of the recipe is an option."""

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from praxia.cli.arguments import command_line, parse
from praxia.cli.help_cache import cached_help
from praxia.cli.source_texts import field_texts
from praxia.core.errors import PraxiaError
from praxia.recipes import RECIPES, find_recipe
from praxia.studio.console import print_summary, say
from praxia.studio.training_progress import show_training

if TYPE_CHECKING:
    from praxia.training.config import TrainRun

__all__ = ["run"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Train a recipe on a data set."""

    data: Annotated[str, tyro.conf.arg(metavar="DIR[,DIR]|MIXTURE.json")]
    """The folder of the data set, or several with commas between them, which train one policy for all their
    embodiments. Or a mixture file (.json): see `praxia data mix --help`."""
    out: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """The folder of the run: policy, metrics and training state."""
    cameras: Annotated[str | None, tyro.conf.arg(metavar="NAME[,NAME]")] = None
    """The cameras that the policy sees, with commas between them, in that order. Default: every camera of the data,
    for recipes that are not made for one benchmark."""
    vqa: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """Visual question answering data (LLaVA's JSON), on which the policy's language model is trained too."""
    start_from: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Fine-tune this policy, with its weights, normalisers and vocabulary, on data of embodiments like its own."""
    refit: bool = False
    """With --start-from: refit the normalisers, and the action tokenizer of the head, on the new data."""
    workers: int = 0
    """Number of processes that prefetch batches; 0: a thread does. The batches are the same."""
    device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
    """Where the policy is trained. Default: a GPU if there is one."""
    cache_gb: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Disk space for this data set's decoded images in GB (0: no cache). By default what is left of the cap over
    all data sets, a tenth of the disk that was free at first: see `praxia data cache`."""
    resume: bool = False
    """Continue from the last saved state."""
    dry_run: bool = False
    """Say what the run would do and which memory it would take on each GPU, for one process, DDP and FSDP; write
    nothing, and load no weights."""
    json: bool = False
    """Print one JSON object on stdout."""


SHARED_HELP = """\
Examples:

  praxia train act --data my/dataset --hold-out 0.1 --out runs/mine
  praxia train act --data my/dataset --hold-out 0.1 --out runs/mine --resume

`praxia recipes` lists the recipes. `praxia train RECIPE --help` has the options of a recipe's model, too, and its
defaults: encoder and head with their sizes, other ones by name (--model.encoder NAME, --model.head NAME), and the
horizon of a chunk. All recipes share the options below.
"""


# The options of a run that do not depend on its model: their prefix, and the class with their texts.
SHARED_CONFIGS = (
    ("--", "config", "TrainRun"),
    ("--train.", "config", "Train"),
    ("--train.augmentation.", "augmentation", "Augmentation"),
)


def run(arguments: list[str]) -> dict[str, Any]:
    """Train, and return what `training.engine.train` returns."""
    helps = "--help" in arguments or "-h" in arguments
    if not arguments or arguments[0].startswith("-"):
        if not helps:
            got = arguments[0] if arguments else "none"
            raise PraxiaError(f"expected a recipe as the first argument, got {got}; `praxia recipes` lists all")
        print(SHARED_HELP)
        _print_shared_options()
        raise SystemExit(0)
    name, rest = arguments[0], arguments[1:]
    if helps and name in RECIPES:
        print(cached_help(shlex.join(arguments), lambda: _parse(name, rest)), end="")
        raise SystemExit(0)
    if os.environ.get("RANK", "0") == "0" and name in RECIPES:
        say(f"{name}: starting")  # what follows imports torch, which takes seconds
    options = _parse(name, rest)
    if options.dry_run:
        return _dry_run(options, name)
    with show_training(name, options.recipe.train.steps) as shown:
        from praxia.dataloader.mixture_config import find_mixture
        from praxia.training.engine import train

        result = train(
            _with_cameras(options.recipe, options.cameras, name),
            find_mixture(options.data),
            options.out,
            recipe=name,
            command=command_line("train", arguments),
            vqa=options.vqa,
            start_from=options.start_from,
            refit=options.refit,
            workers=options.workers,
            device=options.device,
            cache_bytes=None if options.cache_gb is None else int(options.cache_gb * 1e9),
            resume=options.resume,
            report=shown.report,
            progress=shown.progress,
            announce=shown.announce,
            warn=shown.warn,
        )
    print_summary({name: value for name, value in result.items() if name != "warnings"})
    return result


def _dry_run(options: Any, name: str) -> dict[str, Any]:
    """What the run would take, which is also printed.

    Raises:
        PraxiaError: an option that a plan does not take into account; otherwise as `training.dry_run.dry_run`.
    """
    unplanned = {"vqa": options.vqa is not None, "refit": options.refit, "resume": options.resume}
    if given := [f"--{option}" for option, is_given in unplanned.items() if is_given]:
        raise PraxiaError(f"expected no {given[0]} beside --dry-run, which does not plan it; leave one of them out")
    from praxia.dataloader.mixture_config import find_mixture
    from praxia.training.dry_run import dry_run

    run = _with_cameras(options.recipe, options.cameras, name)
    found = dry_run(run, find_mixture(options.data), start_from=options.start_from, device=options.device)
    for line in found.lines():
        say(line)
    return found.to_json()


def _with_cameras(run: "TrainRun", cameras: str | None, name: str) -> "TrainRun":
    """The recipe for the cameras of `--cameras`, which has commas between them; None: for every camera of the data."""
    return run if cameras is None else run.with_cameras([one.strip() for one in cameras.split(",")], name)


def _parse(name: str, arguments: list[str]) -> Any:
    """The options of `praxia train` for the recipe `name`, whose fields are the defaults."""
    from praxia.cli.model_parts import choose_parts, with_part_options
    from praxia.training.config import TrainRun

    configured = find_recipe(name)()
    configured = replace(configured, model=choose_parts(configured.model, arguments))

    @dataclass(frozen=True, kw_only=True)
    class TrainArguments(TrainOptions):
        """Train a recipe on a data set."""

        recipe: Annotated[TrainRun, tyro.conf.arg(name="")] = configured

    return parse(with_part_options(TrainArguments, configured.model), arguments, f"praxia train {name}")


def _print_shared_options() -> None:
    """Print the options that do not depend on a recipe's model; those of a run from its source, without torch."""
    with suppress(SystemExit):
        parse(TrainOptions, ["--help"], "praxia train RECIPE")
    print("\nand of the run, with defaults of the recipe:\n")
    for prefix, module, config in SHARED_CONFIGS:
        for name, text in field_texts(f"praxia.training.{module}", config).items():
            option = prefix + name.replace("_", "-")
            print(fill(text, 100, initial_indent=f"  {option:32s} ", subsequent_indent=" " * 35))
