"""`praxia data codes DATA OUT --latent RUN`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import counting, print_summary

__all__ = ["run"]


@dataclass(frozen=True)
class CodesArguments:
    """Write a data set with the episodes of another and codes of what changes in its video in place of actions.

    DATA needs no actions. A policy that is trained on OUT is the beginning of one with real actions, on a few labelled
    episodes: `praxia train RECIPE --data LABELLED --out RUN --start-from CODES-RUN --refit`.
    """

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """The data set's folder, of Praxia or of another writer."""
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """A new folder."""
    latent: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """The model of latent actions: the folder of its training run or of its weights."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Code a data set; returns the result of `datatools.codes.write_codes`."""
    options = parse(
        CodesArguments,
        arguments,
        "praxia data codes",
        example="praxia data codes data/video data/coded --latent runs/latent",
    )

    from praxia.checkpoint.store import load_coder
    from praxia.datatools.codes import write_codes
    from praxia.nn.device import default_device

    coder, identity = load_coder(options.latent, default_device())
    with counting("codes") as report:
        result = write_codes(options.data, options.out, coder, identity.to_json(), report=report)
    print_summary({name: value for name, value in result.items() if name != "image_quantiles_within"})
    return result
