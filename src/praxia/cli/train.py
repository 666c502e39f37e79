"""`praxia train RECIPE --data DIR[,DIR]|MIXTURE.json --out RUN [--resume]`. Each field of the recipe is an option."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from praxia.cli.arguments import command_line, parse
from praxia.cli.model_parts import choose_parts
from praxia.core.errors import PraxiaError
from praxia.recipes import find_recipe
from praxia.studio.console import print_summary
from praxia.studio.training_progress import show_training

if TYPE_CHECKING:
    from praxia.training.config import TrainRun

__all__ = ["run"]


def run(arguments: list[str]) -> dict[str, Any]:
    """Train, and return what `training.engine.train` returns."""
    if not arguments or arguments[0].startswith("-"):
        if "--help" not in arguments and "-h" not in arguments:
            got = arguments[0] if arguments else "none"
            raise PraxiaError(f"expected a recipe as the first argument, got {got}; `praxia recipes` lists all")
        print(
            "usage: praxia train RECIPE --data DIR[,DIR...]|MIXTURE.json --out RUN [--resume] [options of the recipe]"
        )
        print("`praxia recipes` lists the recipes; `praxia train RECIPE --help` lists a recipe's options.")
        print("--model.encoder NAME and --model.head NAME choose others than the recipe's: `praxia recipes --pairs`.")
        raise SystemExit(0)
    name, rest = arguments[0], arguments[1:]
    configured, rest = choose_parts(find_recipe(name)(), rest)
    options = parse(_arguments_for(configured), rest, f"praxia train {name}")
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


def _with_cameras(run: "TrainRun", cameras: str | None, name: str) -> "TrainRun":
    """The recipe for the cameras of `--cameras`, which has commas between them; None: for every camera of the data."""
    return run if cameras is None else run.with_cameras([one.strip() for one in cameras.split(",")], name)


def _arguments_for(configured: "TrainRun") -> Any:
    """The options of `praxia train` for a recipe, whose fields are the defaults."""
    from praxia.training.config import TrainRun

    @dataclass(frozen=True, kw_only=True)
    class TrainArguments:
        """Train a recipe on a data set. --model.encoder NAME and --model.head NAME choose others than the recipe's
        (`praxia recipes --pairs` lists them); their options are then these here."""

        recipe: Annotated[TrainRun, tyro.conf.arg(name="")] = configured
        data: str
        """The folder of the data set, or several with commas between them, which train one policy for all their
        embodiments. Or a mixture file (.json): see `praxia data mix --help`."""
        out: Path
        """The folder of the run: policy, metrics and training state."""
        cameras: str | None = None
        """The cameras that the policy sees, with commas between them, in that order. Default: every camera of the data,
        for recipes that are not made for one benchmark."""
        vqa: Path | None = None
        """Visual question answering data (LLaVA's JSON), on which the policy's language model is trained too."""
        start_from: Path | None = None
        """Fine-tune this policy, with its weights, normalisers and vocabulary, on data of embodiments like its own."""
        refit: bool = False
        """With --start-from: refit the normalisers, and the action tokenizer of the head, on the new data."""
        workers: int = 0
        """Number of processes that prefetch batches; 0: a thread does. The batches are the same."""
        device: Annotated[str | None, tyro.conf.arg(metavar="cpu|cuda|cuda:N|mps")] = None
        """Where the policy is trained. Default: a GPU if there is one."""
        cache_gb: float | None = None
        """Disk space for this data set's decoded images in GB (0: no cache). By default what is left of the cap over
        all data sets, a tenth of the disk that was free at first: see `praxia data cache`."""
        resume: bool = False
        """Continue from the last saved state."""
        json: bool = False
        """Print one JSON object on stdout."""

    return TrainArguments
