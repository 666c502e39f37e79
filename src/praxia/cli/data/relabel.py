"""`praxia data relabel DATA OUT --idm RUN`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import counting, print_summary

__all__ = ["run"]


@dataclass(frozen=True)
class RelabelArguments:
    """Write a data set with the episodes of another and the actions that a model reads from its video.

    DATA needs no actions; those that it has are not read, and it stays as it is. OUT is an ordinary data set with one
    column more, complementary_info.action_std: the predicted standard deviation of each dim, in its unit.
    """

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """The data set's folder, of Praxia or of another writer."""
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """A new folder."""
    idm: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """The inverse dynamics model: the folder of its training run or of its weights."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Relabel a data set; returns the result of `datatools.relabel.relabel`."""
    options = parse(
        RelabelArguments,
        arguments,
        "praxia data relabel",
        example="praxia data relabel data/video data/relabelled --idm runs/idm",
    )

    from praxia.checkpoint.store import load_labeller
    from praxia.datatools.relabel import relabel
    from praxia.nn.device import default_device

    labeller, identity = load_labeller(options.idm, default_device())
    with counting("relabel") as report:
        result = relabel(options.data, options.out, labeller, identity.to_json(), report=report)
    print_summary({name: value for name, value in result.items() if name != "image_quantiles_within"})
    return result
