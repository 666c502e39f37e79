"""`praxia tokenizer fit DATA --out FILE.json` and `praxia tokenizer report DATA`."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro
from jaxtyping import Int64

from praxia.cli.arguments import parse
from praxia.core.errors import DataError
from praxia.studio.console import STDERR, print_summary

if TYPE_CHECKING:
    from praxia.data.dataset import Dataset
    from praxia.transforms.chain import Transforms

__all__ = ["run"]

# One of so many episodes is held out of the fit that `report` evaluates.
HELD_OUT_EVERY = 10


@dataclass(frozen=True)
class FitTokenizer:
    """Fit an action tokenizer on the successful episodes of a data set."""

    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """The data set's folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The tokenizer's file (JSON)."""
    tokenizer: Annotated[str, tyro.conf.arg(metavar="NAME")] = "fast"
    """fast, bins or quantile-bins."""
    horizon: Annotated[int, tyro.conf.arg(metavar="N")] = 16
    """The number of actions per chunk."""
    json: bool = False
    """Print one JSON object on stdout."""


@dataclass(frozen=True)
class ReportTokenizers:
    """Compare all action tokenizers: round trips of held-out episodes, each tokenizer fitted on the others."""

    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """The data set's folder."""
    horizon: Annotated[int, tyro.conf.arg(metavar="N")] = 16
    """The number of actions per chunk."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Fit an action tokenizer, or compare them."""
    options = parse(
        Annotated[FitTokenizer, tyro.conf.subcommand("fit")]
        | Annotated[ReportTokenizers, tyro.conf.subcommand("report")],
        arguments,
        "praxia tokenizer",
        description="Action tokenizers, for heads that predict tokens. Both commands take --help and --json.",
        example="praxia tokenizer fit my/dataset --tokenizer fast --out fast.json",
    )
    return _fit(options) if isinstance(options, FitTokenizer) else _report(options)


def _fit(options: FitTokenizer) -> dict[str, Any]:
    from praxia.action_tokenizers import find_action_tokenizer
    from praxia.core.files import write_atomic
    from praxia.data.dataset import Dataset
    from praxia.dataloader.action_chunks import action_chunks

    tokenizer_class = find_action_tokenizer(options.tokenizer)
    dataset = Dataset(options.data)
    episodes = dataset.select()
    chunks, _ = action_chunks([(dataset, episodes)], options.horizon, _transforms(dataset, episodes))
    tokenizer = tokenizer_class.fit(chunks)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(options.out, json.dumps(tokenizer.to_json()))
    result = {
        "tokenizer": options.tokenizer,
        "out": str(options.out),
        "chunks": len(chunks),
        "horizon": tokenizer.horizon,
        "action_dim": tokenizer.action_dim,
        "vocab_size": tokenizer.vocab_size,
        "tokens": float(tokenizer.encode(chunks).valid.sum(1).mean()),
    }
    print_summary(result)
    return result


def _report(options: ReportTokenizers) -> dict[str, Any]:
    from praxia.action_tokenizers import ACTION_TOKENIZERS, find_action_tokenizer
    from praxia.action_tokenizers.report import round_trips
    from praxia.data.dataset import Dataset
    from praxia.dataloader.action_chunks import action_chunks

    dataset = Dataset(options.data)
    episodes = dataset.select()
    if len(episodes) < 2:
        raise DataError(
            f"expected at least 2 successful episodes in {options.data}, one of them to hold out, "
            f"got {len(episodes)}; record more with `praxia collect`"
        )
    held_out = episodes[::HELD_OUT_EVERY]
    others = np.setdiff1d(episodes, held_out)
    transforms = _transforms(dataset, others)
    fitted_chunks, _ = action_chunks([(dataset, others)], options.horizon, transforms)
    chunks, valid = action_chunks([(dataset, held_out)], options.horizon, transforms)
    tokenizers = {tag: find_action_tokenizer(tag).fit(fitted_chunks) for tag in ACTION_TOKENIZERS}
    to_units = partial(transforms.decode, embodiment=0)
    table = round_trips(tokenizers, chunks, valid, to_units, dataset.embodiment.action)
    for tag, row in table.items():
        STDERR.print(
            f"  {tag:14s} mse {row['mse']:.2e}  largest error {row['max_error']:.3f}  tokens {row['tokens']:.1f}"
            f"  compression {row['compression']:.1f}  clipped {row['clipped_share']:.2%}",
            highlight=False,
        )
    return {
        "data": str(options.data),
        "horizon": options.horizon,
        "fitted_chunks": len(fitted_chunks),
        "held_out_chunks": len(chunks),
        "tokenizers": table,
    }


def _transforms(dataset: "Dataset", episodes: Int64[np.ndarray, " K"]) -> "Transforms":
    """The transforms that a training run on these episodes alone would fit."""
    from praxia.data.vectors import VECTORS
    from praxia.dataloader.action_chunks import windows_without_images
    from praxia.dataloader.fitting import compute_statistics, fit_transforms
    from praxia.dataloader.mixture import Mixture

    for vector in VECTORS:
        dataset.column(vector)  # raises, with the way to make it, if the data set has none
    windows = Mixture(windows_without_images([(dataset, episodes)], 1))
    return fit_transforms(windows, compute_statistics(windows.entries, {}))
